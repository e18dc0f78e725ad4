package core

import (
	"strings"
	"testing"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/proa-sh/proa/staging/apirules/internal/rulestest"
)

func TestValidatePodUpdate(t *testing.T) {
	old := func() *v1.Pod {
		p := validPod()
		p.Spec.Tolerations = []v1.Toleration{{Key: "a", Operator: v1.TolerationOpExists, Effect: v1.TaintEffectNoExecute}}
		p.Spec.ActiveDeadlineSeconds = ptr.To[int64](10)
		initContainer(false, func(*v1.Container) {})(p)
		return p
	}
	rulestest.UpdateCases(t, old, ValidatePodUpdate, []podCase{
		{Name: "images", Change: func(p *v1.Pod) { p.Spec.Containers[0].Image, p.Spec.InitContainers[0].Image = "b", "b" }},
		{Name: "labels", Change: func(p *v1.Pod) { p.Labels = map[string]string{"b": "c"} }},
		{Name: "more tolerations", Change: func(p *v1.Pod) {
			p.Spec.Tolerations[0].TolerationSeconds = ptr.To[int64](1)
			p.Spec.Tolerations = append(p.Spec.Tolerations, v1.Toleration{Operator: v1.TolerationOpExists})
		}},
		{Name: "fewer tolerations", Change: func(p *v1.Pod) { p.Spec.Tolerations = nil }, Want: []string{forbidden("spec.tolerations")}},
		{Name: "nearer deadline", Change: func(p *v1.Pod) { p.Spec.ActiveDeadlineSeconds = ptr.To[int64](5) }},
		{Name: "farther deadline", Change: func(p *v1.Pod) { p.Spec.ActiveDeadlineSeconds = ptr.To[int64](15) }, Want: []string{invalid("spec.activeDeadlineSeconds")}},
		{Name: "no deadline", Change: func(p *v1.Pod) { p.Spec.ActiveDeadlineSeconds = nil }, Want: []string{invalid("spec.activeDeadlineSeconds")}},
		{Name: "another container", Change: func(p *v1.Pod) {
			c := v1.Container{Name: "d", Image: "i"}
			setContainerDefaults(&c)
			p.Spec.Containers = append(p.Spec.Containers, c)
		}, Want: []string{forbidden("spec.containers")}},
		{Name: "fewer init containers", Change: func(p *v1.Pod) { p.Spec.InitContainers = nil }, Want: []string{forbidden("spec.initContainers")}},
		{Name: "no image", Change: func(p *v1.Pod) { p.Spec.Containers[0].Image = "" }, Want: []string{required("spec.containers[0].image")}},
		{Name: "command", Change: func(p *v1.Pod) { p.Spec.Containers[0].Command = []string{"x"} }, Want: []string{forbidden("spec")}},
		{Name: "resources", Change: func(p *v1.Pod) { p.Spec.Containers[0].Resources.Requests = list("cpu", "1") }, Want: []string{forbidden("spec")}},
		{Name: "node", Change: func(p *v1.Pod) { p.Spec.NodeName = "n" }, Want: []string{forbidden("spec")}},
		{Name: "grace period", Change: func(p *v1.Pod) { p.Spec.TerminationGracePeriodSeconds = ptr.To[int64](1) }, Want: []string{forbidden("spec")}},
		{Name: "gates", Change: func(p *v1.Pod) { p.Spec.SchedulingGates = []v1.PodSchedulingGate{{Name: "g"}} }, Want: []string{forbidden("spec.schedulingGates")}},
		{Name: "node selector", Change: func(p *v1.Pod) { p.Spec.NodeSelector = map[string]string{"a": "b"} }, Want: []string{forbidden("spec")}},
		{Name: "mirror", Change: func(p *v1.Pod) {
			p.Annotations = map[string]string{v1.MirrorPodAnnotationKey: "x"}
		}, Want: []string{forbidden("metadata.annotations[kubernetes.io/config.mirror]"), invalid("metadata.annotations[kubernetes.io/config.mirror]")}},
		{Name: "resource version", Change: func(p *v1.Pod) { p.ResourceVersion = "" }, Want: []string{invalid("metadata.resourceVersion")}},
	})
	changed := old()
	changed.Spec.Hostname = "h"
	errs := ValidatePodUpdate(changed, old())
	if len(errs) != 1 || !strings.HasPrefix(errs[0].Error(), "spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)\n") ||
		!strings.Contains(errs[0].Error(), `"hostname": "h"`) {
		t.Errorf("a change of the hostname reads %v", errs)
	}
}

func TestValidateGatedPodUpdate(t *testing.T) {
	terms := func(p *v1.Pod) *[]v1.NodeSelectorTerm {
		return &p.Spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms
	}
	requirement := func(key string) v1.NodeSelectorRequirement {
		return v1.NodeSelectorRequirement{Key: key, Operator: v1.NodeSelectorOpExists}
	}
	old := func() *v1.Pod {
		p := validPod()
		p.Spec.SchedulingGates = []v1.PodSchedulingGate{{Name: "a"}, {Name: "b"}}
		p.Spec.NodeSelector = map[string]string{"k": "v"}
		p.Spec.Affinity = &v1.Affinity{NodeAffinity: &v1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &v1.NodeSelector{
			NodeSelectorTerms: []v1.NodeSelectorTerm{{MatchExpressions: []v1.NodeSelectorRequirement{requirement("a")}}}}}}
		return p
	}
	const tp = "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms"
	rulestest.UpdateCases(t, old, ValidatePodUpdate, []podCase{
		{Name: "fewer gates", Change: func(p *v1.Pod) { p.Spec.SchedulingGates = p.Spec.SchedulingGates[1:] }},
		{Name: "no gates", Change: func(p *v1.Pod) { p.Spec.SchedulingGates = nil }},
		{Name: "another gate", Change: func(p *v1.Pod) { p.Spec.SchedulingGates[0].Name = "c" }, Want: []string{forbidden("spec.schedulingGates")}},
		{Name: "narrower selector", Change: func(p *v1.Pod) { p.Spec.NodeSelector["x"] = "y" }},
		{Name: "other selector", Change: func(p *v1.Pod) { p.Spec.NodeSelector["k"] = "y" }, Want: []string{invalid("spec.nodeSelector")}},
		{Name: "narrower term", Change: func(p *v1.Pod) {
			(*terms(p))[0].MatchExpressions = append((*terms(p))[0].MatchExpressions, requirement("b"))
		}},
		{Name: "other term", Change: func(p *v1.Pod) { (*terms(p))[0].MatchExpressions[0].Key = "b" }, Want: []string{invalid(tp + "[0]")}},
		{Name: "more terms", Change: func(p *v1.Pod) { *terms(p) = append(*terms(p), (*terms(p))[0]) }, Want: []string{invalid(tp)}},
		{Name: "no affinity", Change: func(p *v1.Pod) { p.Spec.Affinity = nil }, Want: []string{invalid(tp)}},
		{Name: "preferences", Change: func(p *v1.Pod) {
			p.Spec.Affinity.NodeAffinity.PreferredDuringSchedulingIgnoredDuringExecution = []v1.PreferredSchedulingTerm{{Weight: 1}}
		}},
		{Name: "pod affinity", Change: func(p *v1.Pod) {
			p.Spec.Affinity.PodAffinity = &v1.PodAffinity{RequiredDuringSchedulingIgnoredDuringExecution: []v1.PodAffinityTerm{{TopologyKey: "z"}}}
		}, Want: []string{forbidden("spec")}},
		{Name: "node", Change: func(p *v1.Pod) { p.Spec.NodeName = "n" }, Want: []string{forbidden("spec.nodeName")}},
	})
}

func TestAffinityOfGatedPodCanBeAdded(t *testing.T) {
	old := validPod()
	old.Spec.SchedulingGates = []v1.PodSchedulingGate{{Name: "a"}}
	changed := old.DeepCopy()
	changed.Spec.Affinity = &v1.Affinity{NodeAffinity: &v1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &v1.NodeSelector{
		NodeSelectorTerms: []v1.NodeSelectorTerm{{MatchExpressions: []v1.NodeSelectorRequirement{{Key: "a", Operator: v1.NodeSelectorOpExists}}}}}}}
	rulestest.Check(t, ValidatePodUpdate(changed, old))
}

func TestToleratedFaults(t *testing.T) {
	old := validPod()
	old.Spec.HostNetwork = true
	old.Spec.SecurityContext.Sysctls = []v1.Sysctl{{Name: "net.ipv4.x"}}
	old.Spec.HostAliases = []v1.HostAlias{{IP: "01.2.3.4"}}
	old.Spec.Tolerations = []v1.Toleration{{Key: "a", Operator: v1.TolerationOpLt, Value: "1"}}
	old.Spec.Affinity = nodesWith("a", "/")
	old.Spec.TopologySpreadConstraints = []v1.TopologySpreadConstraint{{MaxSkew: 1, TopologyKey: "z", WhenUnsatisfiable: v1.DoNotSchedule,
		LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"a": "/"}}}}
	if len(ValidatePod(old)) == 0 {
		t.Error("a new pod with the faults is taken")
	}
	changed := old.DeepCopy()
	changed.Labels = map[string]string{"new": "label"}
	rulestest.Check(t, ValidatePodUpdate(changed, old))
}

// nodesWith is the affinity to nodes with one of the values of a label.
func nodesWith(key string, values ...string) *v1.Affinity {
	return &v1.Affinity{NodeAffinity: &v1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &v1.NodeSelector{
		NodeSelectorTerms: []v1.NodeSelectorTerm{{MatchExpressions: []v1.NodeSelectorRequirement{{Key: key, Operator: v1.NodeSelectorOpIn, Values: values}}}}}}}
}

// TestToleratedContainers: what older releases took of containers, each fault by itself.
func TestToleratedContainers(t *testing.T) {
	for _, c := range []podCase{
		{Name: "raw devices in a user namespace", Change: func(p *v1.Pod) {
			p.Spec.HostUsers = ptr.To(false)
			p.Spec.Containers[0].VolumeDevices = []v1.VolumeDevice{{Name: "claim", DevicePath: "/dev/x"}}
		}, Want: []string{forbidden("spec.containers[0].volumeDevices")}},
		{Name: "init container that restarts on resize", Change: initContainer(false, func(c *v1.Container) {
			c.ResizePolicy = []v1.ContainerResizePolicy{{ResourceName: v1.ResourceCPU, RestartPolicy: v1.RestartContainer}}
		}), Want: []string{invalid("spec.initContainers[0].resizePolicy")}},
	} {
		t.Run(c.Name, func(t *testing.T) {
			stored := validPod()
			c.Change(stored)
			rulestest.Check(t, ValidatePod(stored), c.Want...)
			changed := stored.DeepCopy()
			changed.Labels = map[string]string{"new": "label"}
			rulestest.Check(t, ValidatePodUpdate(changed, stored))
			template := func(p *v1.Pod) *v1.PodTemplate {
				return &v1.PodTemplate{ObjectMeta: p.ObjectMeta, Template: v1.PodTemplateSpec{Spec: p.Spec}}
			}
			rulestest.Check(t, ValidatePodTemplateUpdate(template(changed), template(stored)))
		})
	}
}

func TestValidatePodEphemeralContainersUpdate(t *testing.T) {
	old := func() *v1.Pod {
		p := validPod()
		ephemeral(func(*v1.EphemeralContainer) {})(p)
		return p
	}
	rulestest.UpdateCases(t, old, ValidatePodEphemeralContainersUpdate, []podCase{
		{Name: "another", Change: ephemeral(func(c *v1.EphemeralContainer) { c.Name, c.TargetContainerName = "two", "c" })},
		{Name: "none", Change: func(p *v1.Pod) { p.Spec.EphemeralContainers = nil }, Want: []string{forbidden("spec.ephemeralContainers")}},
		{Name: "changed", Change: func(p *v1.Pod) { p.Spec.EphemeralContainers[0].Image = "x" }, Want: []string{forbidden("spec.ephemeralContainers")}},
		{Name: "another image", Change: func(p *v1.Pod) { p.Spec.Containers[0].Image = "x" }, Want: []string{forbidden("spec")}},
		{Name: "probe", Change: ephemeral(func(c *v1.EphemeralContainer) { c.Name, c.LivenessProbe = "two", probe(nil) }), Want: []string{forbidden("spec.ephemeralContainers[1].livenessProbe")}},
	})
}

func TestValidatePodResize(t *testing.T) {
	old := func() *v1.Pod {
		p := validPod()
		p.Spec.Containers[0].Resources = v1.ResourceRequirements{Requests: list("cpu", "1", "memory", "1Gi"), Limits: list("cpu", "2")}
		initContainer(true, func(c *v1.Container) { c.Resources.Requests = list("cpu", "1") })(p)
		p.Status.QOSClass = v1.PodQOSBurstable
		return p
	}
	resources := func(p *v1.Pod) *v1.ResourceRequirements { return &p.Spec.Containers[0].Resources }
	rulestest.UpdateCases(t, old, ValidatePodResize, []podCase{
		{Name: "more", Change: func(p *v1.Pod) {
			resources(p).Requests["cpu"], resources(p).Limits["memory"] = quantity("2"), quantity("2Gi")
		}},
		{Name: "sidecar", Change: func(p *v1.Pod) { p.Spec.InitContainers[0].Resources.Requests = list("cpu", "2") }},
		{Name: "names", Change: func(p *v1.Pod) { p.Spec.Containers[0].Name = "x" }, Want: []string{forbidden("spec.containers[0].name")}},
		{Name: "number", Change: func(p *v1.Pod) { p.Spec.InitContainers = nil }, Want: []string{forbidden("spec.initContainers")}},
		{Name: "request gone", Change: func(p *v1.Pod) { delete(resources(p).Requests, "memory") }, Want: []string{forbidden("spec.containers[0].resources.requests")}},
		{Name: "limit gone", Change: func(p *v1.Pod) { resources(p).Limits = nil }, Want: []string{forbidden("spec.containers[0].resources.limits")}},
		{Name: "other resource", Change: func(p *v1.Pod) { resources(p).Requests["ephemeral-storage"] = quantity("1") }, Want: []string{forbidden("spec")}},
		{Name: "image", Change: func(p *v1.Pod) { p.Spec.Containers[0].Image = "x" }, Want: []string{forbidden("spec")}},
		{Name: "quality", Change: func(p *v1.Pod) {
			resources(p).Requests, resources(p).Limits = list("cpu", "1", "memory", "1Gi"), list("cpu", "1", "memory", "1Gi")
			p.Spec.InitContainers[0].Resources = *resources(p).DeepCopy()
		}, Want: []string{invalid("spec")}},
		{Name: "above the limit", Change: func(p *v1.Pod) { resources(p).Requests["cpu"] = quantity("3") }, Want: []string{invalid("spec.containers[0].resources.requests[cpu]")}},
	})
}

func TestPreparePodResize(t *testing.T) {
	old := validPod()
	old.Spec.Containers[0].Resources.Requests = list("cpu", "1")
	sent := old.DeepCopy()
	sent.Labels, sent.Spec.NodeName = nil, "n"
	sent.Spec.Containers[0].Image = "x"
	sent.Spec.Containers[0].Resources.Requests = list("cpu", "2")
	PreparePodResize(sent, old)
	want := old.DeepCopy()
	want.Spec.Containers[0].Resources.Requests = list("cpu", "2")
	diffPods(t, want, sent)

	two := func(first, second string) *v1.Pod {
		p := validPod()
		p.Spec.Containers = append(p.Spec.Containers, *p.Spec.Containers[0].DeepCopy())
		p.Spec.Containers[0].Name, p.Spec.Containers[1].Name = first, second
		return p
	}
	reordered := two("b", "a")
	PreparePodResize(reordered, two("a", "b"))
	const words = ".name: Forbidden: containers may not be renamed or reordered on resize"
	if got := ValidatePodResize(reordered, two("a", "b")).ToAggregate().Error(); got != "[spec.containers[0]"+words+", spec.containers[1]"+words+"]" {
		t.Errorf("reordered containers give %s", got)
	}
}

func TestValidatePodStatusUpdate(t *testing.T) {
	ended := func(code int32) []v1.ContainerStatus {
		return []v1.ContainerStatus{{Name: "c", State: v1.ContainerState{Terminated: &v1.ContainerStateTerminated{ExitCode: code}}}}
	}
	old := func() *v1.Pod {
		p := validPod()
		p.Spec.RestartPolicy = v1.RestartPolicyOnFailure
		p.Status = v1.PodStatus{QOSClass: v1.PodQOSBestEffort, ContainerStatuses: ended(0), HostIP: "1.1.1.1", HostIPs: []v1.HostIP{{IP: "1.1.1.1"}}}
		return p
	}
	alive := []v1.ContainerStatus{{Name: "c", State: v1.ContainerState{Running: &v1.ContainerStateRunning{}}}}
	rulestest.UpdateCases(t, old, ValidatePodStatusUpdate, []podCase{
		{Name: "addresses", Change: func(p *v1.Pod) { p.Status.PodIPs = []v1.PodIP{{IP: "1.2.3.4"}, {IP: "::1"}} }},
		{Name: "two of a family", Change: func(p *v1.Pod) { p.Status.PodIPs = []v1.PodIP{{IP: "1.2.3.4"}, {IP: "1.2.3.5"}} }, Want: []string{invalid("status.podIPs")}},
		{Name: "no address", Change: func(p *v1.Pod) { p.Status.PodIPs = []v1.PodIP{{IP: "x"}} }, Want: []string{invalid("status.podIPs[0]")}},
		{Name: "host addresses differ", Change: func(p *v1.Pod) { p.Status.HostIPs = []v1.HostIP{{IP: "1.1.1.2"}} }, Want: []string{invalid("status.hostIPs[0].ip")}},
		{Name: "quality", Change: func(p *v1.Pod) { p.Status.QOSClass = v1.PodQOSBurstable }, Want: []string{invalid("status.qosClass")}},
		{Name: "back to life", Change: func(p *v1.Pod) { p.Status.ContainerStatuses = alive }, Want: []string{forbidden("status.containerStatuses[0].state")}},
		{Name: "nominated node", Change: func(p *v1.Pod) { p.Status.NominatedNodeName = "A" }, Want: []string{invalid("status.nominatedNodeName")}},
		{Name: "claim", Change: func(p *v1.Pod) { p.Status.ResourceClaimStatuses = []v1.PodResourceClaimStatus{{Name: "x"}} }, Want: []string{invalid("status.resourceClaimStatuses[0].name")}},
		{Name: "extended claim", Change: func(p *v1.Pod) {
			p.Status.ExtendedResourceClaimStatus = &v1.PodExtendedResourceClaimStatus{ResourceClaimName: "A", RequestMappings: []v1.ContainerExtendedResourceRequest{{ResourceName: "gpu"}}}
		}, Want: []string{invalid("status.extendedResourceClaimStatus.resourceClaimName"), required("status.extendedResourceClaimStatus.requestMappings[0].containerName"),
			invalid("status.extendedResourceClaimStatus.requestMappings[0].resourceName"), required("status.extendedResourceClaimStatus.requestMappings[0].requestName")}},
	})
	failed := old()
	failed.Status.ContainerStatuses = ended(1)
	again := failed.DeepCopy()
	again.Status.ContainerStatuses = alive
	rulestest.Check(t, ValidatePodStatusUpdate(again, failed))
}

// TestContainersThatRunAgain: in a pod that restarts nothing, two containers have ended and run again.
func TestContainersThatRunAgain(t *testing.T) {
	rule := func(action v1.ContainerRestartRuleAction) []v1.ContainerRestartRule {
		return []v1.ContainerRestartRule{{Action: action, ExitCodes: &v1.ContainerRestartRuleOnExitCodes{Operator: v1.ContainerRestartRuleOnExitCodesOpIn, Values: []int32{42}}}}
	}
	const first, second = "status.containerStatuses[0].state", "status.containerStatuses[1].state"
	for _, c := range []podCase{
		{Name: "no rules", Change: func(*v1.Pod) {}, Want: []string{forbidden(first), forbidden(second)}},
		{Name: "one restarts itself", Change: func(p *v1.Pod) {
			p.Spec.Containers[0].RestartPolicyRules = rule(v1.ContainerRestartRuleActionRestart)
		}, Want: []string{forbidden(second)}},
		{Name: "own policy never", Change: func(p *v1.Pod) { p.Spec.Containers[0].RestartPolicy = ptr.To(v1.ContainerRestartPolicyNever) },
			Want: []string{forbidden(first), forbidden(second)}},
		{Name: "own policy always", Change: func(p *v1.Pod) { p.Spec.Containers[0].RestartPolicy = ptr.To(v1.ContainerRestartPolicyAlways) },
			Want: []string{forbidden(second)}},
		{Name: "one restarts all", Change: func(p *v1.Pod) {
			p.Spec.Containers[0].RestartPolicyRules = rule(v1.ContainerRestartRuleActionRestartAllContainers)
		}},
		{Name: "an init container restarts all", Change: initContainer(false, func(c *v1.Container) {
			c.RestartPolicyRules = rule(v1.ContainerRestartRuleActionRestartAllContainers)
		})},
	} {
		t.Run(c.Name, func(t *testing.T) {
			old := validPod()
			old.Spec.RestartPolicy = v1.RestartPolicyNever
			old.Spec.Containers = append(old.Spec.Containers, v1.Container{Name: "d", Image: "img"})
			c.Change(old)
			next := old.DeepCopy()
			for _, name := range []string{"c", "d"} {
				old.Status.ContainerStatuses = append(old.Status.ContainerStatuses, v1.ContainerStatus{Name: name, State: v1.ContainerState{Terminated: &v1.ContainerStateTerminated{ExitCode: 42}}})
				next.Status.ContainerStatuses = append(next.Status.ContainerStatuses, v1.ContainerStatus{Name: name, State: v1.ContainerState{Waiting: &v1.ContainerStateWaiting{}}})
			}
			rulestest.Check(t, ValidatePodStatusUpdate(next, old), c.Want...)
		})
	}
}

func TestValidatePodBinding(t *testing.T) {
	rulestest.Check(t, ValidatePodBinding(&v1.Binding{Target: v1.ObjectReference{Kind: "Node", Name: "n"}}))
	rulestest.Check(t, ValidatePodBinding(&v1.Binding{Target: v1.ObjectReference{Kind: "Pod"}}), notSupported("target.kind"), required("target.name"))
}
