package core

import (
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/proa-sh/proa/staging/apirules/internal/rulestest"
)

// Shorthands of the tables in this package.
var (
	invalid      = rulestest.Invalid
	required     = rulestest.Required
	notSupported = rulestest.NotSupported
	forbidden    = rulestest.Forbidden
	duplicate    = rulestest.Duplicate
	notFound     = rulestest.NotFound
	tooLong      = rulestest.TooLong
)

// podCase is a mutation of validPod, or of an update of it.
type podCase = rulestest.Case[v1.Pod]

func quantity(s string) resource.Quantity { return resource.MustParse(s) }

// list makes a resource list of names and amounts.
func list(pairs ...string) v1.ResourceList {
	l := v1.ResourceList{}
	for i := 0; i < len(pairs); i += 2 {
		l[v1.ResourceName(pairs[i])] = quantity(pairs[i+1])
	}
	return l
}

// validPod has one container and a volume of each harmless kind, normalised and defaulted.
func validPod() *v1.Pod {
	pod := &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "p", Namespace: "ns", ResourceVersion: "1", Labels: map[string]string{"app": "x"}},
		Spec: v1.PodSpec{
			Containers: []v1.Container{{Name: "c", Image: "img"}},
			Volumes: []v1.Volume{
				{Name: "empty"},
				{Name: "claim", VolumeSource: v1.VolumeSource{PersistentVolumeClaim: &v1.PersistentVolumeClaimVolumeSource{ClaimName: "c"}}},
			},
		},
	}
	NormalizePod(pod)
	SetPodDefaults(pod)
	return pod
}

// container gives a case the first container to change.
func container(change func(*v1.Container)) func(*v1.Pod) {
	return func(p *v1.Pod) { change(&p.Spec.Containers[0]) }
}

// initContainer adds an init container, a sidecar if so wanted, and gives it to a case.
func initContainer(sidecar bool, change func(*v1.Container)) func(*v1.Pod) {
	return func(p *v1.Pod) {
		c := v1.Container{Name: "init", Image: "img"}
		if sidecar {
			c.RestartPolicy = ptr.To(v1.ContainerRestartPolicyAlways)
		}
		setContainerDefaults(&c)
		change(&c)
		p.Spec.InitContainers = append(p.Spec.InitContainers, c)
	}
}

// ephemeral adds an ephemeral container and gives it to a case.
func ephemeral(change func(*v1.EphemeralContainer)) func(*v1.Pod) {
	return func(p *v1.Pod) {
		ec := v1.EphemeralContainer{EphemeralContainerCommon: v1.EphemeralContainerCommon{Name: "debug", Image: "img"}}
		setContainerDefaults((*v1.Container)(&ec.EphemeralContainerCommon))
		change(&ec)
		p.Spec.EphemeralContainers = append(p.Spec.EphemeralContainers, ec)
	}
}

// volume adds a volume of a source and defaults it.
func volume(src v1.VolumeSource) func(*v1.Pod) {
	return func(p *v1.Pod) {
		v := v1.Volume{Name: "v", VolumeSource: src}
		setVolumeDefaults(&v)
		p.Spec.Volumes = append(p.Spec.Volumes, v)
	}
}

// spec gives a case the spec to change.
func spec(change func(*v1.PodSpec)) func(*v1.Pod) {
	return func(p *v1.Pod) { change(&p.Spec) }
}
