package core

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestPreparePod(t *testing.T) {
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"hash": "h"}},
		Spec: corev1.PodSpec{
			SchedulingGates: []corev1.PodSchedulingGate{{Name: "g"}},
			Containers: []corev1.Container{{Resources: corev1.ResourceRequirements{
				Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1")},
			}}},
			TopologySpreadConstraints: []corev1.TopologySpreadConstraint{{LabelSelector: &metav1.LabelSelector{}, MatchLabelKeys: []string{"hash", "absent"}}},
		},
	}
	preparePod(p)
	if p.Status.Phase != corev1.PodPending || p.Status.QOSClass != corev1.PodQOSBurstable {
		t.Errorf("phase %s and class %s, want Pending and Burstable", p.Status.Phase, p.Status.QOSClass)
	}
	if c := podCondition(p, corev1.PodScheduled); c.Reason != corev1.PodReasonSchedulingGated || c.Status != corev1.ConditionFalse {
		t.Errorf("condition of a gated pod: %+v", c)
	}
	want := []metav1.LabelSelectorRequirement{{Key: "hash", Operator: metav1.LabelSelectorOpIn, Values: []string{"h"}}}
	if diff := cmp.Diff(want, p.Spec.TopologySpreadConstraints[0].LabelSelector.MatchExpressions); diff != "" {
		t.Errorf("selector (-want +got):\n%s", diff)
	}
}

func TestPodGrace(t *testing.T) {
	assigned := func(phase corev1.PodPhase) corev1.Pod {
		return corev1.Pod{
			Spec:   corev1.PodSpec{NodeName: "n", TerminationGracePeriodSeconds: new(int64(30))},
			Status: corev1.PodStatus{Phase: phase},
		}
	}
	for _, tt := range []struct {
		name string
		pod  corev1.Pod
		ask  *int64
		want int64
	}{
		{"of the pod", assigned(corev1.PodRunning), nil, 30},
		{"of the client", assigned(corev1.PodRunning), new(int64(5)), 5},
		{"none", assigned(corev1.PodRunning), new(int64(0)), 0},
		{"negative", assigned(corev1.PodRunning), new(int64(-1)), 1},
		{"not assigned", corev1.Pod{}, new(int64(5)), 0},
		{"failed", assigned(corev1.PodFailed), nil, 0},
		{"succeeded", assigned(corev1.PodSucceeded), new(int64(-1)), 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := &metav1.DeleteOptions{GracePeriodSeconds: tt.ask}
			if !podGrace(&tt.pod, o) || o.GracePeriodSeconds == nil || *o.GracePeriodSeconds != tt.want {
				t.Errorf("grace period %v, want %d", o.GracePeriodSeconds, tt.want)
			}
		})
	}
}

func TestKeepPodStatus(t *testing.T) {
	old := &corev1.Pod{Status: corev1.PodStatus{QOSClass: corev1.PodQOSBestEffort, ObservedGeneration: 3,
		Conditions: []corev1.PodCondition{{Type: corev1.PodReady, ObservedGeneration: 2}}}}
	p := &corev1.Pod{Status: corev1.PodStatus{Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}, {Type: corev1.PodInitialized}}}}
	keepPodStatus(p, old)
	want := corev1.PodStatus{QOSClass: corev1.PodQOSBestEffort, ObservedGeneration: 3, Conditions: []corev1.PodCondition{
		{Type: corev1.PodReady, Status: corev1.ConditionTrue, ObservedGeneration: 2}, {Type: corev1.PodInitialized},
	}}
	if diff := cmp.Diff(want, p.Status); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestOnlyEphemeralContainers(t *testing.T) {
	old := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p", ResourceVersion: "7", Labels: map[string]string{"a": "b"}}}
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "p", ResourceVersion: "6", ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "m"}}},
		Spec:       corev1.PodSpec{NodeName: "other", EphemeralContainers: []corev1.EphemeralContainer{{TargetContainerName: "c"}}},
		Status:     corev1.PodStatus{Phase: corev1.PodFailed},
	}
	onlyEphemeralContainers(p, old)
	want := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "p", ResourceVersion: "6", Labels: map[string]string{"a": "b"}, ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "m"}}},
		Spec:       corev1.PodSpec{EphemeralContainers: []corev1.EphemeralContainer{{TargetContainerName: "c"}}},
	}
	if diff := cmp.Diff(want, p); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestPrepareNamespace(t *testing.T) {
	n := &corev1.Namespace{Spec: corev1.NamespaceSpec{Finalizers: []corev1.FinalizerName{"example.org/f"}}}
	prepareNamespace(n)
	prepareNamespace(n)
	want := &corev1.Namespace{
		Spec:   corev1.NamespaceSpec{Finalizers: []corev1.FinalizerName{"example.org/f", corev1.FinalizerKubernetes}},
		Status: corev1.NamespaceStatus{Phase: corev1.NamespaceActive},
	}
	if diff := cmp.Diff(want, n); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestStampPhase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := metav1.Now()
		earlier := metav1.NewTime(now.Add(-time.Hour))
		own := metav1.NewTime(now.Add(-time.Minute))
		for _, tt := range []struct {
			name      string
			phase     corev1.PersistentVolumePhase
			at        *metav1.Time
			want      *metav1.Time
			wantPhase corev1.PersistentVolumePhase
		}{
			{"same phase", corev1.VolumeAvailable, nil, &earlier, corev1.VolumeAvailable},
			{"other phase", corev1.VolumeBound, nil, &now, corev1.VolumeBound},
			{"other phase, old time", corev1.VolumeBound, &earlier, &now, corev1.VolumeBound},
			{"other phase, client's time", corev1.VolumeBound, &own, &own, corev1.VolumeBound},
		} {
			v := &corev1.PersistentVolume{Status: corev1.PersistentVolumeStatus{Phase: tt.phase, LastPhaseTransitionTime: tt.at}}
			stampPhase(v, &corev1.PersistentVolume{Status: corev1.PersistentVolumeStatus{Phase: corev1.VolumeAvailable, LastPhaseTransitionTime: &earlier}})
			if diff := cmp.Diff(corev1.PersistentVolumeStatus{Phase: tt.wantPhase, LastPhaseTransitionTime: tt.want}, v.Status); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tt.name, diff)
			}
		}
	})
}
