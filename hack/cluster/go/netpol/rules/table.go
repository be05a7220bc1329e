package rules

import (
	"fmt"
	"slices"
	"strings"

	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

const table = `add table ip netpol
delete table ip netpol
table ip netpol {
%s  chain forward {
    type filter hook forward priority -5; policy accept;
    ct state established,related accept
%s%s  }
  chain input {
    type filter hook input priority -5; policy accept;
    ct state established,related accept
%s  }
}
`

// direction is which way packets go, seen from the guarded pod.
type direction struct {
	name      string
	toward    networking.PolicyType
	own, peer string // the address fields of a packet
}

// rule is what an ingress and an egress rule have in common.
type rule struct {
	peers []networking.NetworkPolicyPeer
	ports []networking.NetworkPolicyPort
}

var (
	ingress = direction{"in", networking.PolicyTypeIngress, "daddr", "saddr"}
	egress  = direction{"out", networking.PolicyTypeEgress, "saddr", "daddr"}
)

// Table is a script for `nft -f` that replaces the whole table.
func (w World) Table() string {
	inChains, in := w.chains(ingress)
	outChains, out := w.chains(egress)
	return fmt.Sprintf(table, inChains+outChains, out, in, out)
}

// chains are one chain for each isolated pod, and the line that sends its packets there.
func (w World) chains(d direction) (chains string, dispatch string) {
	var jumps []string
	for _, pod := range w.guarded() {
		policies := w.policiesFor(pod, d.toward)
		if len(policies) == 0 {
			continue
		}
		address := pod.Status.PodIP
		chain := d.name + "_" + strings.ReplaceAll(address, ".", "_")
		lines := []string{fmt.Sprintf("ip %s %s return", d.peer, address)} // a pod may always reach itself
		for _, policy := range policies {
			for _, rule := range d.rules(policy) {
				lines = append(lines, w.returns(d, policy.Namespace, rule, pod)...)
			}
		}
		lines = append(lines, "counter drop")
		chains += fmt.Sprintf("  chain %s {\n    %s\n  }\n", chain, strings.Join(lines, "\n    "))
		jumps = append(jumps, fmt.Sprintf("%s : jump %s", address, chain))
	}
	if len(jumps) > 0 {
		dispatch = fmt.Sprintf("    ip %s vmap { %s }\n", d.own, strings.Join(jumps, ", "))
	}
	return chains, dispatch
}

func (d direction) rules(policy *networking.NetworkPolicy) []rule {
	var rules []rule
	if d == ingress {
		for _, one := range policy.Spec.Ingress {
			rules = append(rules, rule{one.From, one.Ports})
		}
		return rules
	}
	for _, one := range policy.Spec.Egress {
		rules = append(rules, rule{one.To, one.Ports})
	}
	return rules
}

// returns are the lines that let through what a rule allows. A port's name is looked up in the receiving pod:
// the guarded one for what comes in, each of the peers for what goes out.
func (w World) returns(d direction, namespace string, rule rule, pod *core.Pod) []string {
	var lines []string
	peers := w.peers(namespace, rule.peers)
	ports, named := numbered(rule.ports)
	if d == ingress {
		ports = append(ports, looked(named, pod)...)
	} else {
		for _, peer := range peers {
			for _, port := range looked(named, peer) {
				lines = append(lines, line(fmt.Sprintf("ip %s %s", d.peer, peer.Status.PodIP), port))
			}
		}
	}
	for _, from := range addresses(d.peer, rule.peers, peers) {
		for _, port := range ports {
			lines = append(lines, line(from, port))
		}
	}
	return lines
}

func line(matches ...string) string {
	words := slices.DeleteFunc(append(matches, "return"), func(match string) bool { return match == "" })
	return strings.Join(words, " ")
}

// addresses are matches for the other end of a connection; one that is empty for everybody.
func addresses(field string, peers []networking.NetworkPolicyPeer, pods []*core.Pod) []string {
	if len(peers) == 0 {
		return []string{""}
	}
	var matches, known []string
	for _, pod := range pods {
		known = append(known, pod.Status.PodIP)
	}
	if len(known) > 0 {
		slices.Sort(known)
		matches = append(matches, fmt.Sprintf("ip %s { %s }", field, strings.Join(slices.Compact(known), ", ")))
	}
	for _, peer := range peers {
		if peer.IPBlock != nil && !strings.Contains(peer.IPBlock.CIDR, ":") {
			matches = append(matches, block(field, peer.IPBlock))
		}
	}
	return matches
}

func block(field string, block *networking.IPBlock) string {
	match := fmt.Sprintf("ip %s %s", field, block.CIDR)
	if len(block.Except) > 0 {
		match += fmt.Sprintf(" ip %s != { %s }", field, strings.Join(block.Except, ", "))
	}
	return match
}

// numbered are matches for the ports that need no looking up; one that is empty where no port is named.
func numbered(ports []networking.NetworkPolicyPort) (matches []string, named []networking.NetworkPolicyPort) {
	if len(ports) == 0 {
		return []string{""}, nil
	}
	for _, port := range ports {
		protocol := "meta l4proto " + strings.ToLower(string(*port.Protocol))
		switch {
		case port.Port == nil:
			matches = append(matches, protocol)
		case port.Port.Type == intstr.String:
			named = append(named, port)
		case port.EndPort != nil:
			matches = append(matches, fmt.Sprintf("%s th dport %d-%d", protocol, port.Port.IntVal, *port.EndPort))
		default:
			matches = append(matches, fmt.Sprintf("%s th dport %d", protocol, port.Port.IntVal))
		}
	}
	return matches, named
}

// looked are matches for the ports of a pod that have one of the names.
func looked(named []networking.NetworkPolicyPort, pod *core.Pod) []string {
	var matches []string
	containers := slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers)
	for _, wanted := range named {
		for _, container := range containers {
			for _, port := range container.Ports {
				if port.Name == wanted.Port.StrVal && port.Protocol == *wanted.Protocol {
					protocol := strings.ToLower(string(port.Protocol))
					matches = append(matches, fmt.Sprintf("meta l4proto %s th dport %d", protocol, port.ContainerPort))
				}
			}
		}
	}
	return matches
}
