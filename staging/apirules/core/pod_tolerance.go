package core

import (
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/component-helpers/node/util/sysctl"

	"github.com/proa-sh/proa/staging/apirules/meta"
)

// tolerance lists the faults that a pod spec may keep because the stored one has them: values that older releases
// accepted, and fields whose feature is off by default in 1.36. The zero value tolerates nothing.
type tolerance struct {
	selectorValues  bool             // label selector expressions with values that are no label values
	spreadSelectors bool             // invalid label selectors in topology spread constraints
	sysctls         bool             // sysctls of a namespace that the pod shares with the host
	hugePages       bool             // huge page amounts that the page size does not divide
	tokenPaths      bool             // absolute paths of projected tokens
	ips             sets.Set[string] // IP addresses in old spellings
	comparisons     bool             // tolerations with Lt and Gt (TaintTolerationComparisonOperators)
	mountOption     bool             // seLinuxChangePolicy MountOption without SELinuxMount
	nodeValues      bool             // required node affinity with values that are no label values
	userDevices     bool             // raw block devices in a user namespace
	initRestart     bool             // resize policy RestartContainer of init containers that run to their end
}

// tolerated looks through a stored spec; nil has nothing to tolerate.
func tolerated(old *v1.PodSpec) tolerance {
	if old == nil {
		return tolerance{}
	}
	t := tolerance{ips: sets.New[string]()}
	t.lookAtSelectors(old)
	t.lookAtAddresses(old)
	t.lookAtContainers(old)
	if sc := old.SecurityContext; sc != nil {
		for i := range sc.Sysctls {
			t.sysctls = t.sysctls || sharedWithHost(old, sc.Sysctls[i].Name) != ""
		}
		t.mountOption = sc.SELinuxChangePolicy != nil && *sc.SELinuxChangePolicy == v1.SELinuxChangePolicyMountOption
	}
	for i := range old.Volumes {
		if old.Volumes[i].Projected == nil {
			continue
		}
		for _, s := range old.Volumes[i].Projected.Sources {
			t.tokenPaths = t.tokenPaths || s.ServiceAccountToken != nil && len(meta.LocalFilePath(s.ServiceAccountToken.Path, nil)) > 0
		}
	}
	for i := range old.Tolerations {
		op := old.Tolerations[i].Operator
		t.comparisons = t.comparisons || op == v1.TolerationOpLt || op == v1.TolerationOpGt
	}
	return t
}

func (t *tolerance) lookAtSelectors(s *v1.PodSpec) {
	t.nodeValues = hasOddNodeValue(requiredNodes(s))
	forEachAffinityTerm(s.Affinity, func(term *v1.PodAffinityTerm) {
		for _, sel := range []*metav1.LabelSelector{term.LabelSelector, term.NamespaceSelector} {
			t.selectorValues = t.selectorValues || meta.SelectorHasInvalidValue(sel)
		}
	})
	for i := range s.TopologySpreadConstraints {
		sel := s.TopologySpreadConstraints[i].LabelSelector
		t.spreadSelectors = t.spreadSelectors || len(meta.Selector(sel, nil, false)) > 0
		t.selectorValues = t.selectorValues || meta.SelectorHasInvalidValue(sel)
	}
}

func (t *tolerance) lookAtContainers(s *v1.PodSpec) {
	userNamespace := s.HostUsers != nil && !*s.HostUsers
	forEachContainer(s, func(c *v1.Container) {
		for name, q := range c.Resources.Limits {
			t.hugePages = t.hugePages || isHugePage(name) && !divisibleHugePages(name, q)
		}
		t.userDevices = t.userDevices || userNamespace && len(c.VolumeDevices) > 0
	})
	for i := range s.InitContainers {
		c := &s.InitContainers[i]
		t.initRestart = t.initRestart || !isSidecar(c) && restartsOnResize(c)
	}
}

func (t *tolerance) lookAtAddresses(s *v1.PodSpec) {
	forEachContainer(s, func(c *v1.Container) {
		for i := range c.Ports {
			t.ips.Insert(c.Ports[i].HostIP)
		}
	})
	if s.DNSConfig != nil {
		t.ips.Insert(s.DNSConfig.Nameservers...)
	}
	for i := range s.HostAliases {
		t.ips.Insert(s.HostAliases[i].IP)
	}
}

// forEachContainer visits init, ordinary and ephemeral containers.
func forEachContainer(s *v1.PodSpec, visit func(*v1.Container)) {
	for i := range s.InitContainers {
		visit(&s.InitContainers[i])
	}
	for i := range s.Containers {
		visit(&s.Containers[i])
	}
	for i := range s.EphemeralContainers {
		visit((*v1.Container)(&s.EphemeralContainers[i].EphemeralContainerCommon))
	}
}

// forEachAffinityTerm visits all terms of pod affinity and anti-affinity.
func forEachAffinityTerm(a *v1.Affinity, visit func(*v1.PodAffinityTerm)) {
	if a == nil {
		return
	}
	terms := func(required []v1.PodAffinityTerm, preferred []v1.WeightedPodAffinityTerm) {
		for i := range required {
			visit(&required[i])
		}
		for i := range preferred {
			visit(&preferred[i].PodAffinityTerm)
		}
	}
	if pa := a.PodAffinity; pa != nil {
		terms(pa.RequiredDuringSchedulingIgnoredDuringExecution, pa.PreferredDuringSchedulingIgnoredDuringExecution)
	}
	if pa := a.PodAntiAffinity; pa != nil {
		terms(pa.RequiredDuringSchedulingIgnoredDuringExecution, pa.PreferredDuringSchedulingIgnoredDuringExecution)
	}
}

// sharedWithHost names the spec field by which a pod shares the namespace of a sysctl with its node, or "".
func sharedWithHost(s *v1.PodSpec, name string) string {
	switch ns, _, _ := sysctl.GetNamespace(name); {
	case ns == sysctl.IPCNamespace && s.HostIPC:
		return "hostIPC"
	case ns == sysctl.NetNamespace && s.HostNetwork:
		return "hostNetwork"
	default:
		return ""
	}
}
