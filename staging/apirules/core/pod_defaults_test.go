package core

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
)

func diffPods(t *testing.T, want, got *v1.Pod) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("pods differ (-want +got):\n%s", diff)
	}
}

func TestSetPodDefaults(t *testing.T) {
	got := &v1.Pod{Spec: v1.PodSpec{
		HostNetwork: true,
		Volumes: []v1.Volume{{Name: "a"}, {Name: "b", VolumeSource: v1.VolumeSource{Projected: &v1.ProjectedVolumeSource{Sources: []v1.VolumeProjection{
			{ServiceAccountToken: &v1.ServiceAccountTokenProjection{}},
			{DownwardAPI: &v1.DownwardAPIProjection{Items: []v1.DownwardAPIVolumeFile{{FieldRef: &v1.ObjectFieldSelector{}}}}}}}}},
			{Name: "c", VolumeSource: v1.VolumeSource{HostPath: &v1.HostPathVolumeSource{Path: "/"}}},
			{Name: "d", VolumeSource: v1.VolumeSource{Image: &v1.ImageVolumeSource{Reference: "a@sha256:0000000000000000000000000000000000000000000000000000000000000000"}}}},
		Containers: []v1.Container{{Name: "c", Image: "img", Ports: []v1.ContainerPort{{ContainerPort: 80}},
			Resources:     v1.ResourceRequirements{Limits: list("cpu", "1", "memory", "1"), Requests: list("cpu", "100u")},
			LivenessProbe: &v1.Probe{ProbeHandler: v1.ProbeHandler{HTTPGet: &v1.HTTPGetAction{Port: intstr.FromInt32(80)}}},
			StartupProbe:  &v1.Probe{ProbeHandler: v1.ProbeHandler{GRPC: &v1.GRPCAction{Port: 1}}},
			Env:           []v1.EnvVar{{Name: "x", ValueFrom: &v1.EnvVarSource{FieldRef: &v1.ObjectFieldSelector{FieldPath: "metadata.name"}}}}}},
	}}
	SetPodDefaults(got)
	want := &v1.Pod{Spec: v1.PodSpec{
		HostNetwork: true, RestartPolicy: v1.RestartPolicyAlways, DNSPolicy: v1.DNSClusterFirst, SchedulerName: "default-scheduler",
		SecurityContext: &v1.PodSecurityContext{}, TerminationGracePeriodSeconds: ptr.To[int64](30), EnableServiceLinks: ptr.To(true),
		Volumes: []v1.Volume{{Name: "a", VolumeSource: v1.VolumeSource{EmptyDir: &v1.EmptyDirVolumeSource{}}},
			{Name: "b", VolumeSource: v1.VolumeSource{Projected: &v1.ProjectedVolumeSource{DefaultMode: ptr.To[int32](0644), Sources: []v1.VolumeProjection{
				{ServiceAccountToken: &v1.ServiceAccountTokenProjection{ExpirationSeconds: ptr.To[int64](3600)}},
				{DownwardAPI: &v1.DownwardAPIProjection{Items: []v1.DownwardAPIVolumeFile{{FieldRef: &v1.ObjectFieldSelector{APIVersion: "v1"}}}}}}}}},
			{Name: "c", VolumeSource: v1.VolumeSource{HostPath: &v1.HostPathVolumeSource{Path: "/", Type: ptr.To(v1.HostPathUnset)}}},
			{Name: "d", VolumeSource: v1.VolumeSource{Image: &v1.ImageVolumeSource{PullPolicy: v1.PullIfNotPresent, Reference: "a@sha256:0000000000000000000000000000000000000000000000000000000000000000"}}}},
		Containers: []v1.Container{{Name: "c", Image: "img", ImagePullPolicy: v1.PullAlways, TerminationMessagePath: "/dev/termination-log", TerminationMessagePolicy: v1.TerminationMessageReadFile,
			Ports:     []v1.ContainerPort{{ContainerPort: 80, HostPort: 80, Protocol: v1.ProtocolTCP}},
			Resources: v1.ResourceRequirements{Limits: list("cpu", "1", "memory", "1"), Requests: list("cpu", "1m", "memory", "1")},
			LivenessProbe: &v1.Probe{TimeoutSeconds: 1, PeriodSeconds: 10, SuccessThreshold: 1, FailureThreshold: 3,
				ProbeHandler: v1.ProbeHandler{HTTPGet: &v1.HTTPGetAction{Path: "/", Scheme: v1.URISchemeHTTP, Port: intstr.FromInt32(80)}}},
			StartupProbe: &v1.Probe{TimeoutSeconds: 1, PeriodSeconds: 10, SuccessThreshold: 1, FailureThreshold: 3,
				ProbeHandler: v1.ProbeHandler{GRPC: &v1.GRPCAction{Port: 1, Service: ptr.To("")}}},
			Env: []v1.EnvVar{{Name: "x", ValueFrom: &v1.EnvVarSource{FieldRef: &v1.ObjectFieldSelector{APIVersion: "v1", FieldPath: "metadata.name"}}}}}},
	}}
	diffPods(t, want, got)
}

func TestTemplateDefaultsLeaveRequestsAndPorts(t *testing.T) {
	tm := &v1.PodTemplateSpec{Spec: v1.PodSpec{HostNetwork: true, Containers: []v1.Container{{
		Ports: []v1.ContainerPort{{ContainerPort: 80}}, Resources: v1.ResourceRequirements{Limits: list("cpu", "1")}}}}}
	SetPodTemplateSpecDefaults(tm)
	c := tm.Spec.Containers[0]
	if c.Ports[0].HostPort != 0 || c.Resources.Requests != nil || tm.Spec.EnableServiceLinks != nil {
		t.Errorf("a template got what is the pod's: %+v", tm.Spec)
	}
}

func TestPodLevelDefaults(t *testing.T) {
	for _, c := range []struct {
		name       string
		pod, want  v1.ResourceRequirements
		containers []v1.ResourceRequirements
	}{
		{"nothing without limits", v1.ResourceRequirements{Requests: list("cpu", "1")}, v1.ResourceRequirements{Requests: list("cpu", "1")},
			[]v1.ResourceRequirements{{Requests: list("memory", "1")}}},
		{"the limits", v1.ResourceRequirements{Limits: list("cpu", "2")}, v1.ResourceRequirements{Limits: list("cpu", "2"), Requests: list("cpu", "2")},
			[]v1.ResourceRequirements{{}}},
		{"the sum", v1.ResourceRequirements{Limits: list("cpu", "2")}, v1.ResourceRequirements{Limits: list("cpu", "2"), Requests: list("cpu", "1500m")},
			[]v1.ResourceRequirements{{Requests: list("cpu", "1")}, {Requests: list("cpu", "500m")}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := &v1.Pod{Spec: v1.PodSpec{Resources: &c.pod}}
			for _, r := range c.containers {
				p.Spec.Containers = append(p.Spec.Containers, v1.Container{Resources: r})
			}
			SetPodDefaults(p)
			if diff := cmp.Diff(&c.want, p.Spec.Resources); diff != "" {
				t.Errorf("pod resources differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPullPolicyByTag(t *testing.T) {
	for image, want := range map[string]v1.PullPolicy{
		"img": v1.PullAlways, "img:latest": v1.PullAlways, "img:1": v1.PullIfNotPresent, "reg:5000/img": v1.PullAlways, "reg:5000/a/img:v1": v1.PullIfNotPresent,
		"img@sha256:0000000000000000000000000000000000000000000000000000000000000000":        v1.PullIfNotPresent,
		"img:latest@sha256:0000000000000000000000000000000000000000000000000000000000000000": v1.PullAlways,
		"": v1.PullIfNotPresent, "IMG": v1.PullIfNotPresent, "docker.io/library/img": v1.PullAlways, "[::1]:5000/img": v1.PullAlways,
	} {
		if got := pullPolicyFor(image); got != want {
			t.Errorf("pullPolicyFor(%q) = %s, want %s", image, got, want)
		}
	}
}

func TestNormalizePod(t *testing.T) {
	got := &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{"pod.beta.kubernetes.io/init-containers": "[]", "a": "b"}},
		Spec:       v1.PodSpec{DeprecatedServiceAccount: "sa", TerminationGracePeriodSeconds: ptr.To[int64](-5)},
		Status:     v1.PodStatus{PodIPs: []v1.PodIP{{IP: "1.2.3.4"}}, HostIP: "1.1.1.1"},
	}
	NormalizePod(got)
	diffPods(t, &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{"a": "b"}},
		Spec:       v1.PodSpec{DeprecatedServiceAccount: "sa", ServiceAccountName: "sa", TerminationGracePeriodSeconds: ptr.To[int64](1)},
		Status:     v1.PodStatus{PodIP: "1.2.3.4", PodIPs: []v1.PodIP{{IP: "1.2.3.4"}}, HostIP: "1.1.1.1", HostIPs: []v1.HostIP{{IP: "1.1.1.1"}}},
	}, got)

	both := &v1.Pod{Spec: v1.PodSpec{DeprecatedServiceAccount: "old", ServiceAccountName: "new"}, Status: v1.PodStatus{PodIP: "2.2.2.2", PodIPs: []v1.PodIP{{IP: "1.2.3.4"}}}}
	NormalizePod(both)
	diffPods(t, &v1.Pod{Spec: v1.PodSpec{DeprecatedServiceAccount: "new", ServiceAccountName: "new"}, Status: v1.PodStatus{PodIP: "2.2.2.2", PodIPs: []v1.PodIP{{IP: "2.2.2.2"}}}}, both)
}

func TestMergeMatchLabelKeys(t *testing.T) {
	pod := validPod()
	pod.Labels = map[string]string{"rev": "1"}
	pod.Spec.TopologySpreadConstraints = []v1.TopologySpreadConstraint{{MaxSkew: 1, TopologyKey: "z", WhenUnsatisfiable: v1.DoNotSchedule,
		LabelSelector: &metav1.LabelSelector{}, MatchLabelKeys: []string{"rev", "absent"}}}
	pod.Spec.Affinity = &v1.Affinity{PodAffinity: &v1.PodAffinity{RequiredDuringSchedulingIgnoredDuringExecution: []v1.PodAffinityTerm{{
		TopologyKey: "z", LabelSelector: &metav1.LabelSelector{}, MismatchLabelKeys: []string{"rev"}}}}}
	MergeMatchLabelKeys(pod)
	MergeMatchLabelKeys(pod)
	in := func(op metav1.LabelSelectorOperator) *metav1.LabelSelector {
		return &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "rev", Operator: op, Values: []string{"1"}}}}
	}
	if diff := cmp.Diff(in(metav1.LabelSelectorOpIn), pod.Spec.TopologySpreadConstraints[0].LabelSelector); diff != "" {
		t.Errorf("spread selector differs (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(in(metav1.LabelSelectorOpNotIn), pod.Spec.Affinity.PodAffinity.RequiredDuringSchedulingIgnoredDuringExecution[0].LabelSelector); diff != "" {
		t.Errorf("affinity selector differs (-want +got):\n%s", diff)
	}
	if errs := ValidatePod(pod); len(errs) > 0 {
		t.Errorf("the merged pod is faulty: %v", errs)
	}
	pod.Spec.TopologySpreadConstraints[0].LabelSelector.MatchLabels = map[string]string{"rev": "2"}
	if errs := ValidatePod(pod); len(errs) != 1 || errs[0].Field != "spec.topologySpreadConstraints[0].matchLabelKeys[0]" {
		t.Errorf("a key that the user selects by, too, gives %v", errs)
	}
}

func TestPodWarnings(t *testing.T) {
	pod := validPod()
	pod.Annotations = map[string]string{v1.SeccompPodAnnotationKey: "unconfined"}
	pod.Spec.NodeSelector = map[string]string{"beta.kubernetes.io/os": "linux"}
	pod.Spec.ImagePullSecrets = []v1.LocalObjectReference{{}}
	pod.Spec.Volumes = append(pod.Spec.Volumes, v1.Volume{Name: "g", VolumeSource: v1.VolumeSource{GitRepo: &v1.GitRepoVolumeSource{Repository: "r"}}})
	pod.Spec.Containers[0].Env = []v1.EnvVar{{Name: "a", Value: "1"}, {Name: "a", Value: "2"}, {Name: "b"}, {Name: "b", Value: "$(b)x"}}
	pod.Spec.Containers[0].Ports = []v1.ContainerPort{{ContainerPort: 80, Protocol: "TCP"}, {ContainerPort: 80, Protocol: "TCP"}}
	pod.Spec.Containers[0].Resources.Requests = list("memory", "1500m")
	pod.Spec.TopologySpreadConstraints = []v1.TopologySpreadConstraint{{}}
	want := []string{
		`spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use "kubernetes.io/os" instead`,
		`spec.volumes[2].gitRepo: deprecated in v1.11, and disabled by default in v1.33+`,
		`spec.imagePullSecrets[0].name: invalid empty name ""`,
		`spec.topologySpreadConstraints[0].labelSelector: a null labelSelector results in matching no pod`,
		`metadata.annotations[seccomp.security.alpha.kubernetes.io/pod]: non-functional in v1.27+; use the "seccompProfile" field instead`,
		`spec.containers[0].env[1]: hides previous definition of "a", which may be dropped when using apply`,
		`spec.containers[0].ports[1]: duplicate port definition with spec.containers[0].ports[0]`,
		`spec.containers[0].resources.requests[memory]: fractional byte value "1500m" is invalid, must be an integer`,
	}
	if diff := cmp.Diff(want, PodWarnings(pod, nil)); diff != "" {
		t.Errorf("warnings differ (-want +got):\n%s", diff)
	}
	if again := PodWarnings(pod, pod); again != nil {
		t.Errorf("an unchanged pod is warned of: %v", again)
	}
}
