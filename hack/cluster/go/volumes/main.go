// volumes makes PersistentVolumes out of folders of this machine, which is all that the cluster's nodes live on.
//
// They are `local` volumes rather than host paths, because only those get the group of the pod's fsGroup: what a
// pod may write here is what it may write on a real disk. A volume stays on the node that was chosen for its pod.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/sig-storage-lib-external-provisioner/v13/controller"
)

const provisioner = "gagarin.local/volumes"

func main() {
	kubeconfig := flag.String("kubeconfig", "", "how the API server is reached")
	root := flag.String("folder", "", "the folder that the volumes are made in")
	flag.Parse()
	config, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err != nil {
		log.Fatal(err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	// One of it runs in a cluster, so nothing is elected.
	alone := controller.LeaderElection(false)
	controller.NewProvisionController(ctx, client, provisioner, folders{*root}, alone).Run(ctx)
}

// folders are the volumes' contents, one each under root, named like the volume.
type folders struct{ root string }

// Provision is called once a node is chosen: the class waits for the first consumer.
func (f folders) Provision(
	_ context.Context, wanted controller.ProvisionOptions,
) (*core.PersistentVolume, controller.ProvisioningState, error) {
	if wanted.SelectedNodeName == "" {
		return nil, controller.ProvisioningFinished, fmt.Errorf("the class must wait for the first consumer")
	}
	folder := filepath.Join(f.root, wanted.PVName)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, controller.ProvisioningFinished, err
	}
	return volume(wanted, folder), controller.ProvisioningFinished, nil
}

// Delete removes what a volume held; removing it twice is no error.
func (f folders) Delete(_ context.Context, volume *core.PersistentVolume) error {
	return os.RemoveAll(filepath.Join(f.root, volume.Name))
}

func volume(wanted controller.ProvisionOptions, folder string) *core.PersistentVolume {
	host := core.NodeSelectorRequirement{
		Key:      core.LabelHostname,
		Operator: core.NodeSelectorOpIn,
		Values:   []string{wanted.SelectedNodeName},
	}
	return &core.PersistentVolume{
		ObjectMeta: meta.ObjectMeta{Name: wanted.PVName},
		Spec: core.PersistentVolumeSpec{
			PersistentVolumeReclaimPolicy: *wanted.StorageClass.ReclaimPolicy,
			AccessModes:                   wanted.PVC.Spec.AccessModes,
			Capacity: core.ResourceList{
				core.ResourceStorage: wanted.PVC.Spec.Resources.Requests[core.ResourceStorage],
			},
			PersistentVolumeSource: core.PersistentVolumeSource{Local: &core.LocalVolumeSource{Path: folder}},
			NodeAffinity: &core.VolumeNodeAffinity{Required: &core.NodeSelector{
				NodeSelectorTerms: []core.NodeSelectorTerm{{MatchExpressions: []core.NodeSelectorRequirement{host}}},
			}},
		},
	}
}
