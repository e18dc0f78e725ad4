package legacytoken

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// now is more than ten days after the creation of tokens and the start of tracking; the period is ten days.
var now = time.Date(2026, 3, 20, 12, 0, 0, 0, time.UTC)

func newObserved() observed {
	return observed{
		secret: &v1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "robot-token-1", Annotations: map[string]string{v1.ServiceAccountUIDKey: "u"}, Labels: map[string]string{}, CreationTimestamp: metav1.NewTime(now.Add(-100 * day))},
			Type:       v1.SecretTypeServiceAccountToken,
		},
		account: &v1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "robot", UID: "u"}, Secrets: []v1.ObjectReference{{Name: "robot-token-1"}}},
		tracked: "2026-01-01", period: 10 * day, now: now,
	}
}

func TestPlan(t *testing.T) {
	using := func(spec v1.PodSpec) func(*observed) {
		return func(o *observed) { o.pods = []*v1.Pod{{Spec: spec}} }
	}
	label := func(name, value string) func(*observed) { return func(o *observed) { o.secret.Labels[name] = value } }
	ref := v1.LocalObjectReference{Name: "robot-token-1"}
	mark, remove, nothing := outcome{invalidate: "2026-03-20"}, outcome{remove: true}, outcome{}
	for _, tt := range []struct {
		name   string
		change func(*observed)
		want   outcome
	}{
		{"never used", func(*observed) {}, mark},
		{"used long ago", label(lastUsed, "2026-03-09"), mark},
		{"used so that the day can still be in the period", label(lastUsed, "2026-03-10"), nothing},
		{"used lately", label(lastUsed, "2026-03-19"), nothing},
		{"last used on no day", label(lastUsed, "yesterday"), nothing},
		{"new", func(o *observed) { o.secret.CreationTimestamp = metav1.NewTime(now.Add(-9 * day)) }, nothing},
		{"use is not noted", func(o *observed) { o.tracked = "" }, nothing},
		{"use has not been noted for the whole period", func(o *observed) { o.tracked = "2026-03-10" }, nothing},
		{"made by a person", func(o *observed) { o.account.Secrets = nil }, nothing},
		{"of another account of that name", func(o *observed) { o.account.UID = "u2" }, nothing},
		{"of no account", func(o *observed) { o.account = nil }, nothing},
		{"being deleted", func(o *observed) { o.secret.DeletionTimestamp = &metav1.Time{Time: now} }, nothing},
		{"in a volume", using(v1.PodSpec{Volumes: []v1.Volume{{VolumeSource: v1.VolumeSource{Secret: &v1.SecretVolumeSource{SecretName: ref.Name}}}}}), nothing},
		{"in a projected volume", using(v1.PodSpec{Volumes: []v1.Volume{{VolumeSource: v1.VolumeSource{Projected: &v1.ProjectedVolumeSource{Sources: []v1.VolumeProjection{{Secret: &v1.SecretProjection{LocalObjectReference: ref}}}}}}}}), nothing},
		{"in a variable", using(v1.PodSpec{InitContainers: []v1.Container{{Env: []v1.EnvVar{{ValueFrom: &v1.EnvVarSource{SecretKeyRef: &v1.SecretKeySelector{LocalObjectReference: ref}}}}}}}), nothing},
		{"in all variables", using(v1.PodSpec{Containers: []v1.Container{{EnvFrom: []v1.EnvFromSource{{SecretRef: &v1.SecretEnvSource{LocalObjectReference: ref}}}}}}), nothing},
		{"of an ended pod", func(o *observed) {
			using(v1.PodSpec{Volumes: []v1.Volume{{VolumeSource: v1.VolumeSource{Secret: &v1.SecretVolumeSource{SecretName: ref.Name}}}}})(o)
			o.pods[0].Status.Phase = v1.PodSucceeded
		}, mark},
		{"invalid for a while", label(invalidSince, "2026-03-10"), nothing},
		{"invalid for the period", label(invalidSince, "2026-03-09"), remove},
		{"invalid since no day", label(invalidSince, "x"), mark},
		{"invalid, and used after all", func(o *observed) {
			label(invalidSince, "2026-03-01")(o)
			label(lastUsed, "2026-03-19")(o)
		}, nothing},
	} {
		o := newObserved()
		tt.change(&o)
		if diff := cmp.Diff(tt.want, plan(o), cmp.AllowUnexported(outcome{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}
