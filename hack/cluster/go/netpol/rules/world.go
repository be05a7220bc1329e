// Package rules says in nftables' language what NetworkPolicies mean for one node's pods: values in, text out.
//
// Verdicts fall where packets cross the node, after a Service's address has become a pod's, and for what pods
// send to the node itself. What the node sends is never filtered: a kubelet's probes must arrive. IPv4 only.
package rules

import (
	"net/netip"
	"slices"

	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// World is what the API server knows of a cluster, as far as policies go.
type World struct {
	node       string
	pods       []*core.Pod // those with an address of the pod network, newest first
	namespaces map[string]labels.Set
	policies   []*networking.NetworkPolicy
}

// NewWorld orders what was listed, so that the same cluster gives the same table.
func NewWorld(
	node string, pods []*core.Pod, namespaces []*core.Namespace, policies []*networking.NetworkPolicy,
) World {
	world := World{node: node, namespaces: map[string]labels.Set{}, policies: slices.Clone(policies)}
	for _, pod := range pods {
		if hasAddress(pod) {
			world.pods = append(world.pods, pod)
		}
	}
	slices.SortFunc(world.pods, newestFirst)
	for _, namespace := range namespaces {
		world.namespaces[namespace.Name] = namespace.Labels
	}
	slices.SortFunc(world.policies, func(a, b *networking.NetworkPolicy) int { return compare(a.UID, b.UID) })
	return world
}

func hasAddress(pod *core.Pod) bool {
	address, err := netip.ParseAddr(pod.Status.PodIP)
	ended := pod.Status.Phase == core.PodSucceeded || pod.Status.Phase == core.PodFailed
	return err == nil && address.Is4() && !pod.Spec.HostNetwork && !ended
}

func newestFirst(a, b *core.Pod) int {
	if order := b.CreationTimestamp.Compare(a.CreationTimestamp.Time); order != 0 {
		return order
	}
	return compare(a.UID, b.UID)
}

func compare[T ~string](a, b T) int {
	if a < b {
		return -1
	}
	return 1
}

// guarded are this node's pods. Of two with one address the newer counts: the other one is ending.
func (w World) guarded() []*core.Pod {
	var pods []*core.Pod
	seen := map[string]bool{}
	for _, pod := range w.pods {
		if pod.Spec.NodeName == w.node && !seen[pod.Status.PodIP] {
			seen[pod.Status.PodIP] = true
			pods = append(pods, pod)
		}
	}
	return pods
}

// policiesFor are those that isolate the pod in a direction.
func (w World) policiesFor(pod *core.Pod, toward networking.PolicyType) []*networking.NetworkPolicy {
	var policies []*networking.NetworkPolicy
	for _, policy := range w.policies {
		if policy.Namespace == pod.Namespace && slices.Contains(policy.Spec.PolicyTypes, toward) &&
			selects(&policy.Spec.PodSelector, pod.Labels) {
			policies = append(policies, policy)
		}
	}
	return policies
}

// peers are the pods of the whole cluster that one of the peers of a rule selects; no peers select all.
func (w World) peers(namespace string, peers []networking.NetworkPolicyPeer) []*core.Pod {
	var pods []*core.Pod
	for _, pod := range w.pods {
		selected := func(peer networking.NetworkPolicyPeer) bool { return w.selects(namespace, peer, pod) }
		if len(peers) == 0 || slices.ContainsFunc(peers, selected) {
			pods = append(pods, pod)
		}
	}
	return pods
}

func (w World) selects(namespace string, peer networking.NetworkPolicyPeer, pod *core.Pod) bool {
	if peer.IPBlock != nil {
		return false
	}
	if peer.NamespaceSelector == nil && pod.Namespace != namespace {
		return false
	}
	if peer.NamespaceSelector != nil && !selects(peer.NamespaceSelector, w.namespaces[pod.Namespace]) {
		return false
	}
	return peer.PodSelector == nil || selects(peer.PodSelector, pod.Labels)
}

func selects(selector *meta.LabelSelector, of labels.Set) bool {
	parsed, err := meta.LabelSelectorAsSelector(selector)
	return err == nil && parsed.Matches(of) // the API server takes no selector that cannot be parsed
}
