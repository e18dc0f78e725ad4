package core

import (
	"testing"

	v1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/proa-sh/proa/staging/apirules/internal/rulestest"
)

func TestValidateSecurityContexts(t *testing.T) {
	const p, c = "spec.securityContext.", "spec.containers[0].securityContext"
	pod := func(sc v1.PodSecurityContext) func(*v1.Pod) {
		return spec(func(s *v1.PodSpec) { s.SecurityContext = &sc })
	}
	ctr := func(sc v1.SecurityContext) func(*v1.Pod) {
		return container(func(c *v1.Container) { c.SecurityContext = &sc })
	}
	rulestest.Cases(t, validPod, ValidatePod, []podCase{
		{Name: "ids", Change: pod(v1.PodSecurityContext{RunAsUser: ptr.To[int64](-1), RunAsGroup: ptr.To[int64](1 << 31), FSGroup: ptr.To[int64](-1), SupplementalGroups: []int64{0, -1}}),
			Want: []string{invalid(p + "runAsUser"), invalid(p + "runAsGroup"), invalid(p + "fsGroup"), invalid(p + "supplementalGroups[1]")}},
		{Name: "policies", Change: pod(v1.PodSecurityContext{FSGroupChangePolicy: ptr.To(v1.PodFSGroupChangePolicy("x")), SupplementalGroupsPolicy: ptr.To(v1.SupplementalGroupsPolicy("x")),
			SELinuxChangePolicy: ptr.To(v1.SELinuxChangePolicyMountOption)}),
			Want: []string{notSupported(p + "fsGroupChangePolicy"), notSupported(p + "supplementalGroupsPolicy"), notSupported(p + "seLinuxChangePolicy")}},
		{Name: "sysctls", Change: pod(v1.PodSecurityContext{Sysctls: []v1.Sysctl{{}, {Name: "a..b"}, {Name: "net/ipv4.x"}, {Name: "net/ipv4.x"}}}),
			Want: []string{required(p + "sysctls[0].name"), invalid(p + "sysctls[1].name"), duplicate(p + "sysctls[3].name")}},
		{Name: "sysctl of the host", Change: func(pod *v1.Pod) {
			pod.Spec.HostNetwork, pod.Spec.HostIPC = true, true
			pod.Spec.SecurityContext.Sysctls = []v1.Sysctl{{Name: "net.ipv4.x"}, {Name: "kernel.shmmax"}}
		}, Want: []string{invalid(p + "sysctls[0].name"), invalid(p + "sysctls[1].name")}},
		{Name: "seccomp", Change: pod(v1.PodSecurityContext{SeccompProfile: &v1.SeccompProfile{Type: v1.SeccompProfileTypeLocalhost}}), Want: []string{required(p + "seccompProfile.localhostProfile")}},
		{Name: "seccomp path", Change: ctr(v1.SecurityContext{SeccompProfile: &v1.SeccompProfile{Type: v1.SeccompProfileTypeLocalhost, LocalhostProfile: ptr.To("/a")}}),
			Want: []string{invalid(c + ".seccompProfile.localhostProfile")}},
		{Name: "seccomp type", Change: ctr(v1.SecurityContext{SeccompProfile: &v1.SeccompProfile{Type: "x", LocalhostProfile: ptr.To("a")}}),
			Want: []string{notSupported(c + ".seccompProfile.type"), invalid(c + ".seccompProfile.localhostProfile")}},
		{Name: "apparmor", Change: ctr(v1.SecurityContext{AppArmorProfile: &v1.AppArmorProfile{Type: v1.AppArmorProfileTypeLocalhost, LocalhostProfile: ptr.To(" a")}}),
			Want: []string{invalid(c + ".appArmorProfile.localhostProfile")}},
		{Name: "apparmor type", Change: ctr(v1.SecurityContext{AppArmorProfile: &v1.AppArmorProfile{Type: "x"}}), Want: []string{notSupported(c + ".appArmorProfile.type")}},
		{Name: "apparmor annotation", Change: func(p *v1.Pod) {
			p.Annotations = map[string]string{v1.DeprecatedAppArmorBetaContainerAnnotationKeyPrefix + "c": "unconfined"}
			p.Spec.Containers[0].SecurityContext = &v1.SecurityContext{AppArmorProfile: &v1.AppArmorProfile{Type: v1.AppArmorProfileTypeRuntimeDefault}}
		}, Want: []string{forbidden(c + ".appArmorProfile.type")}},
		{Name: "escalation", Change: ctr(v1.SecurityContext{AllowPrivilegeEscalation: ptr.To(false), Privileged: ptr.To(true)}), Want: []string{invalid(c)}},
		{Name: "escalation by capability", Change: ctr(v1.SecurityContext{AllowPrivilegeEscalation: ptr.To(false), Capabilities: &v1.Capabilities{Add: []v1.Capability{"CAP_SYS_ADMIN"}}}), Want: []string{invalid(c)}},
		{Name: "proc mount", Change: ctr(v1.SecurityContext{ProcMount: ptr.To(v1.UnmaskedProcMount)}), Want: []string{invalid(c + ".procMount")}},
		{Name: "proc mount in a user namespace", Change: func(p *v1.Pod) {
			p.Spec.HostUsers = ptr.To(false)
			p.Spec.Containers[0].SecurityContext = &v1.SecurityContext{ProcMount: ptr.To(v1.UnmaskedProcMount)}
		}},
		{Name: "windows user", Change: ctr(v1.SecurityContext{WindowsOptions: &v1.WindowsSecurityContextOptions{RunAsUserName: ptr.To(`a\b\c`)}}),
			Want: []string{invalid(c + ".windowsOptions.runAsUserName")}},
		{Name: "windows credential", Change: ctr(v1.SecurityContext{WindowsOptions: &v1.WindowsSecurityContextOptions{GMSACredentialSpec: ptr.To(""), GMSACredentialSpecName: ptr.To("A")}}),
			Want: []string{invalid(c + ".windowsOptions.gmsaCredentialSpec"), invalid(c + ".windowsOptions.gmsaCredentialSpecName")}},
		{Name: "host process", Change: func(p *v1.Pod) {
			p.Spec.Containers = append(p.Spec.Containers, *p.Spec.Containers[0].DeepCopy())
			p.Spec.Containers[1].Name = "d"
			p.Spec.Containers[0].SecurityContext = &v1.SecurityContext{WindowsOptions: &v1.WindowsSecurityContextOptions{HostProcess: ptr.To(true)}}
		}, Want: []string{invalid("spec"), invalid("spec.hostNetwork")}},
	})
}

func TestSeccompAnnotationsAgree(t *testing.T) {
	profile := func(kind v1.SeccompProfileType, file *string) *v1.SeccompProfile {
		return &v1.SeccompProfile{Type: kind, LocalhostProfile: file}
	}
	both := func(annotation string, p *v1.SeccompProfile) func(*v1.Pod) {
		return func(pod *v1.Pod) {
			pod.Annotations = map[string]string{v1.SeccompPodAnnotationKey: annotation, v1.SeccompContainerAnnotationKeyPrefix + "c": annotation}
			pod.Spec.SecurityContext.SeccompProfile = p
			pod.Spec.Containers[0].SecurityContext = &v1.SecurityContext{SeccompProfile: p}
		}
	}
	const pod, container = "spec.securityContext.seccompProfile.", "spec.containers[0].securityContext.seccompProfile."
	rulestest.Cases(t, validPod, ValidatePod, []podCase{
		{Name: "same", Change: both("localhost/a", profile(v1.SeccompProfileTypeLocalhost, ptr.To("a")))},
		{Name: "old name", Change: both("docker/default", profile(v1.SeccompProfileTypeRuntimeDefault, nil))},
		{Name: "other type", Change: both("runtime/default", profile(v1.SeccompProfileTypeUnconfined, nil)), Want: []string{forbidden(pod + "type"), forbidden(container + "type")}},
		{Name: "other file", Change: both("localhost/b", profile(v1.SeccompProfileTypeLocalhost, ptr.To("a"))),
			Want: []string{forbidden(pod + "localhostProfile"), forbidden(container + "localhostProfile")}},
	})
	// A stored pod may differ.
	old := validPod()
	both("runtime/default", profile(v1.SeccompProfileTypeUnconfined, nil))(old)
	rulestest.Check(t, ValidatePodUpdate(old.DeepCopy(), old))
}

func TestNodeAffinityValues(t *testing.T) {
	preferred := func(p *v1.Pod) {
		terms := nodesWith("a", "/").NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms
		p.Spec.Affinity = &v1.Affinity{NodeAffinity: &v1.NodeAffinity{PreferredDuringSchedulingIgnoredDuringExecution: []v1.PreferredSchedulingTerm{{Weight: 1, Preference: terms[0]}}}}
	}
	const values = "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0].values"
	rulestest.Cases(t, validPod, ValidatePod, []podCase{
		{Name: "labels", Change: func(p *v1.Pod) { p.Spec.Affinity = nodesWith("a", "b", "") }},
		{Name: "no label", Change: func(p *v1.Pod) { p.Spec.Affinity = nodesWith("a", "b", "/") }, Want: []string{invalid(values + "[1]")}},
		{Name: "preferred", Change: preferred},
	})
}

func TestValidateScheduling(t *testing.T) {
	tolerations := func(list ...v1.Toleration) func(*v1.Pod) {
		return spec(func(s *v1.PodSpec) { s.Tolerations = list })
	}
	nodes := func(e v1.NodeSelectorRequirement) func(*v1.Pod) {
		return spec(func(s *v1.PodSpec) {
			s.Affinity = &v1.Affinity{NodeAffinity: &v1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &v1.NodeSelector{
				NodeSelectorTerms: []v1.NodeSelectorTerm{{MatchExpressions: []v1.NodeSelectorRequirement{e}}}}}}
		})
	}
	const expr = "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0]"
	const term = "spec.affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[0]"
	rulestest.Cases(t, validPod, ValidatePod, []podCase{
		{Name: "toleration of all", Change: tolerations(v1.Toleration{Operator: v1.TolerationOpExists})},
		{Name: "no key", Change: tolerations(v1.Toleration{}), Want: []string{invalid("spec.tolerations[0].operator")}},
		{Name: "seconds", Change: tolerations(v1.Toleration{Key: "a", TolerationSeconds: ptr.To[int64](1)}), Want: []string{invalid("spec.tolerations[0].effect")}},
		{Name: "exists with value", Change: tolerations(v1.Toleration{Key: "a", Operator: v1.TolerationOpExists, Value: "x"}), Want: []string{invalid("spec.tolerations[0].operator")}},
		{Name: "comparison", Change: tolerations(v1.Toleration{Key: "a", Operator: v1.TolerationOpGt, Value: "1"}), Want: []string{notSupported("spec.tolerations[0].operator")}},
		{Name: "effect", Change: tolerations(v1.Toleration{Key: "a", Effect: "x"}), Want: []string{notSupported("spec.tolerations[0].effect")}},
		{Name: "in nothing", Change: nodes(v1.NodeSelectorRequirement{Key: "a", Operator: v1.NodeSelectorOpIn}), Want: []string{required(expr + ".values")}},
		{Name: "exists something", Change: nodes(v1.NodeSelectorRequirement{Key: "a", Operator: v1.NodeSelectorOpExists, Values: []string{"x"}}), Want: []string{forbidden(expr + ".values")}},
		{Name: "greater than two", Change: nodes(v1.NodeSelectorRequirement{Key: "a", Operator: v1.NodeSelectorOpGt, Values: []string{"1", "2"}}), Want: []string{required(expr + ".values")}},
		{Name: "operator and key", Change: nodes(v1.NodeSelectorRequirement{Key: "/"}), Want: []string{invalid(expr + ".operator"), invalid(expr + ".key")}},
		{Name: "no terms", Change: spec(func(s *v1.PodSpec) {
			s.Affinity = &v1.Affinity{NodeAffinity: &v1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &v1.NodeSelector{}}}
		}), Want: []string{required("spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms")}},
		{Name: "pod affinity", Change: spec(func(s *v1.PodSpec) {
			s.Affinity = &v1.Affinity{PodAntiAffinity: &v1.PodAntiAffinity{PreferredDuringSchedulingIgnoredDuringExecution: []v1.WeightedPodAffinityTerm{{
				Weight: 101, PodAffinityTerm: v1.PodAffinityTerm{Namespaces: []string{"A"}, MatchLabelKeys: []string{"a"}}}}}}
		}), Want: []string{invalid(term + ".weight"), invalid(term + ".podAffinityTerm.namespace"), required(term + ".podAffinityTerm.topologyKey"), forbidden(term + ".podAffinityTerm.matchLabelKeys")}},
		{Name: "spreading", Change: spec(func(s *v1.PodSpec) {
			s.TopologySpreadConstraints = []v1.TopologySpreadConstraint{
				{TopologyKey: "zone", WhenUnsatisfiable: v1.ScheduleAnyway, MaxSkew: 1, MinDomains: ptr.To[int32](1)},
				{TopologyKey: "zone", WhenUnsatisfiable: v1.ScheduleAnyway, NodeTaintsPolicy: ptr.To(v1.NodeInclusionPolicy("x")), MatchLabelKeys: []string{"a"}},
			}
		}), Want: []string{invalid("spec.topologySpreadConstraints[0].minDomains"), duplicate("spec.topologySpreadConstraints[1].{topologyKey, whenUnsatisfiable}"),
			invalid("spec.topologySpreadConstraints[1].maxSkew"), notSupported("spec.topologySpreadConstraints[1].nodeTaintsPolicy"), forbidden("spec.topologySpreadConstraints[1].matchLabelKeys")}},
	})
}
