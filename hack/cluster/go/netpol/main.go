// netpol enforces the cluster's NetworkPolicies on one node: it watches pods, namespaces and policies, and
// replaces one nftables table whenever what they say about this node's pods has changed.
package main

import (
	"bytes"
	"flag"
	"log"
	"os"
	"os/exec"
	"time"

	"gagarin.local/cluster/netpol/rules"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
)

// A burst of events, such as a Deployment that starts, is to become one change.
const settle = 20 * time.Millisecond

func main() {
	kubeconfig := flag.String("kubeconfig", "", "how the API server is reached")
	node := flag.String("node", "", "the node whose pods are guarded")
	flag.Parse()
	config, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err != nil {
		log.Fatal(err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		log.Fatal(err)
	}
	guard(informers.NewSharedInformerFactory(client, 0), *node)
}

// guard never returns: an nft that fails is tried again.
func guard(watched informers.SharedInformerFactory, node string) {
	changed := make(chan struct{}, 1)
	observe(watched, changed)
	watched.Start(nil)
	watched.WaitForCacheSync(nil)
	var applied string
	for range changed {
		time.Sleep(settle)
		table := observed(watched, node).Table()
		if table == applied {
			continue
		}
		if err := apply(table); err != nil {
			log.Printf("nft: %v\n%s", err, table)
			time.Sleep(time.Second)
			note(changed)
			continue
		}
		applied = table
	}
}

func observe(watched informers.SharedInformerFactory, changed chan struct{}) {
	for _, informer := range []cache.SharedIndexInformer{
		watched.Core().V1().Pods().Informer(),
		watched.Core().V1().Namespaces().Informer(),
		watched.Networking().V1().NetworkPolicies().Informer(),
	} {
		_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
			AddFunc:    func(any) { note(changed) },
			UpdateFunc: func(any, any) { note(changed) },
			DeleteFunc: func(any) { note(changed) },
		})
		if err != nil {
			log.Fatal(err)
		}
	}
}

func note(changed chan<- struct{}) {
	select {
	case changed <- struct{}{}:
	default: // a look at everything is due already
	}
}

func observed(watched informers.SharedInformerFactory, node string) rules.World {
	everything := labels.Everything()
	// A lister reads its own store, and has no other error than that of a broken selector.
	pods, _ := watched.Core().V1().Pods().Lister().List(everything)
	namespaces, _ := watched.Core().V1().Namespaces().Lister().List(everything)
	policies, _ := watched.Networking().V1().NetworkPolicies().Lister().List(everything)
	return rules.NewWorld(node, pods, namespaces, policies)
}

// apply is one transaction: until it is done the former table holds.
func apply(table string) error {
	nft := exec.Command("nft", "-f", "-")
	nft.Stdin, nft.Stdout, nft.Stderr = bytes.NewBufferString(table), os.Stderr, os.Stderr
	return nft.Run()
}
