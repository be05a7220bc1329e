package rules

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
)

const node = "here"

var tcp = core.ProtocolTCP

func pod(namespace, app, address string) *core.Pod {
	return &core.Pod{
		ObjectMeta: meta.ObjectMeta{
			Namespace: namespace, Name: app, UID: types.UID(address), Labels: map[string]string{"app": app},
		},
		Spec: core.PodSpec{NodeName: node, Containers: []core.Container{{
			Ports: []core.ContainerPort{{Name: "web", ContainerPort: 8080, Protocol: tcp}},
		}}},
		Status: core.PodStatus{PodIP: address},
	}
}

func labelled(app string) *meta.LabelSelector {
	return &meta.LabelSelector{MatchLabels: map[string]string{"app": app}}
}

func port(of intstr.IntOrString) []networking.NetworkPolicyPort {
	return []networking.NetworkPolicyPort{{Protocol: &tcp, Port: &of}}
}

func policy(spec networking.NetworkPolicySpec) *networking.NetworkPolicy {
	return &networking.NetworkPolicy{ObjectMeta: meta.ObjectMeta{Namespace: "a", Name: "p"}, Spec: spec}
}

func ingressOf(rules ...networking.NetworkPolicyIngressRule) *networking.NetworkPolicy {
	types := []networking.PolicyType{networking.PolicyTypeIngress}
	return policy(networking.NetworkPolicySpec{PodSelector: *labelled("server"), PolicyTypes: types, Ingress: rules})
}

func egressOf(rules ...networking.NetworkPolicyEgressRule) *networking.NetworkPolicy {
	types := []networking.PolicyType{networking.PolicyTypeEgress}
	return policy(networking.NetworkPolicySpec{PodSelector: *labelled("client"), PolicyTypes: types, Egress: rules})
}

func tableOf(policies ...*networking.NetworkPolicy) string {
	pods := []*core.Pod{
		pod("a", "server", "10.0.0.1"), pod("a", "client", "10.0.0.2"), pod("b", "client", "10.0.0.3"),
	}
	namespaces := []*core.Namespace{
		{ObjectMeta: meta.ObjectMeta{Name: "a"}},
		{ObjectMeta: meta.ObjectMeta{Name: "b", Labels: map[string]string{"team": "b"}}},
	}
	return NewWorld(node, pods, namespaces, policies).Table()
}

func TestWhatAPolicyAllowsIsReturnedAndTheRestDropped(t *testing.T) {
	teamB := &meta.LabelSelector{MatchLabels: map[string]string{"team": "b"}}
	numbered, named := port(intstr.FromInt32(8080)), port(intstr.FromString("web"))
	cases := map[string]struct {
		policy *networking.NetworkPolicy
		want   []string // the lines of the one chain between what a pod sends itself and the drop
	}{
		"nothing": {ingressOf(), nil},
		"everybody on one port": {
			ingressOf(networking.NetworkPolicyIngressRule{Ports: numbered}),
			[]string{"meta l4proto tcp th dport 8080 return"},
		},
		"pods of the policy's own namespace": {
			ingressOf(networking.NetworkPolicyIngressRule{
				From: []networking.NetworkPolicyPeer{{PodSelector: labelled("client")}},
			}),
			[]string{"ip saddr { 10.0.0.2 } return"},
		},
		"pods of another namespace, on a port by its name": {
			ingressOf(networking.NetworkPolicyIngressRule{
				From:  []networking.NetworkPolicyPeer{{NamespaceSelector: teamB, PodSelector: labelled("client")}},
				Ports: named,
			}),
			[]string{"ip saddr { 10.0.0.3 } meta l4proto tcp th dport 8080 return"},
		},
		"nobody where no pod is selected": {
			ingressOf(networking.NetworkPolicyIngressRule{
				From: []networking.NetworkPolicyPeer{{PodSelector: labelled("absent")}},
			}),
			nil,
		},
		"a port's name is that of the pod which receives": {
			egressOf(networking.NetworkPolicyEgressRule{
				To: []networking.NetworkPolicyPeer{{PodSelector: labelled("server")}}, Ports: named,
			}),
			[]string{"ip daddr 10.0.0.1 meta l4proto tcp th dport 8080 return"},
		},
		"a block without its exceptions": {
			egressOf(networking.NetworkPolicyEgressRule{To: []networking.NetworkPolicyPeer{
				{IPBlock: &networking.IPBlock{CIDR: "10.0.0.0/8", Except: []string{"10.1.0.0/16"}}},
			}}),
			[]string{"ip daddr 10.0.0.0/8 ip daddr != { 10.1.0.0/16 } return"},
		},
	}
	for name, one := range cases {
		t.Run(name, func(t *testing.T) {
			if got := chain(t, tableOf(one.policy)); strings.Join(got, "\n") != strings.Join(one.want, "\n") {
				t.Errorf("got %q, want %q", got, one.want)
			}
		})
	}
}

// chain is the first chain of a table without its first and its last verdict.
func chain(t *testing.T, table string) []string {
	_, rest, found := strings.Cut(table, " {\n  chain ")
	body, _, ends := strings.Cut(rest, "\n  }")
	lines := strings.Split(body, "\n    ")
	if !found || !ends || len(lines) < 3 || lines[len(lines)-1] != "counter drop" {
		t.Fatalf("no chain in:\n%s", table)
	}
	return lines[2 : len(lines)-1]
}

func TestAPodWithoutAPolicyIsNotTouched(t *testing.T) {
	if table := tableOf(); strings.Contains(table, "10.0.0.") {
		t.Error(table)
	}
}

func TestOfTwoPodsWithOneAddressTheNewerCounts(t *testing.T) {
	old, fresh := pod("a", "server", "10.0.0.1"), pod("a", "other", "10.0.0.1")
	fresh.CreationTimestamp = meta.NewTime(time.Unix(1, 0))
	world := NewWorld(node, []*core.Pod{old, fresh}, nil, []*networking.NetworkPolicy{ingressOf()})
	if table := world.Table(); strings.Contains(table, "10.0.0.1") {
		t.Error(table)
	}
}

func TestNftUnderstandsATable(t *testing.T) {
	if _, err := exec.LookPath("nft"); err != nil || os.Geteuid() != 0 {
		t.Skip("nft is not installed, or may not be asked")
	}
	check := exec.Command("nft", "--check", "--file", "-")
	check.Stdin = strings.NewReader(tableOf(
		ingressOf(networking.NetworkPolicyIngressRule{Ports: port(intstr.FromString("web"))}), egressOf(),
	))
	if told, err := check.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, told)
	}
}
