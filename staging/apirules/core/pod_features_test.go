package core

import (
	"testing"

	v1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
)

func TestDropDisabledPodFields(t *testing.T) {
	rich := func() *v1.Pod {
		p := validPod()
		p.Spec.SchedulingGroup = &v1.PodSchedulingGroup{PodGroupName: ptr.To("g")}
		p.Spec.Containers[0].Lifecycle = &v1.Lifecycle{StopSignal: ptr.To(v1.SIGTERM)}
		volume(v1.VolumeSource{Projected: &v1.ProjectedVolumeSource{Sources: []v1.VolumeProjection{
			{ClusterTrustBundle: &v1.ClusterTrustBundleProjection{Path: "a"}}, {PodCertificate: &v1.PodCertificateProjection{}}}}})(p)
		return p
	}
	created := rich()
	DropDisabledPodFields(&created.Spec, nil)
	want := validPod()
	volume(v1.VolumeSource{Projected: &v1.ProjectedVolumeSource{Sources: []v1.VolumeProjection{{}, {}}}})(want)
	diffPods(t, want, created)

	updated := rich()
	DropDisabledPodFields(&updated.Spec, &rich().Spec)
	diffPods(t, rich(), updated)
}
