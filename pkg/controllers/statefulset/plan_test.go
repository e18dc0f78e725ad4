package statefulset

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apps "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/proa-sh/proa/pkg/controllers/control/revisions"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func newSet(replicas int32, changes ...func(*apps.StatefulSet)) *apps.StatefulSet {
	labels := map[string]string{"app": "db"}
	set := &apps.StatefulSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "db", UID: "u", Generation: 1},
		Spec: apps.StatefulSetSpec{
			Replicas: &replicas, ServiceName: "dbs", Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template:            v1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: v1.PodSpec{Containers: []v1.Container{{Name: "c", Image: "v1"}}}},
			PodManagementPolicy: apps.OrderedReadyPodManagement,
			UpdateStrategy:      apps.StatefulSetUpdateStrategy{Type: apps.RollingUpdateStatefulSetStrategyType},
		},
	}
	for _, change := range changes {
		change(set)
	}
	return set
}

func parallel(set *apps.StatefulSet) { set.Spec.PodManagementPolicy = apps.ParallelPodManagement }
func onDelete(set *apps.StatefulSet) {
	set.Spec.UpdateStrategy.Type = apps.OnDeleteStatefulSetStrategyType
}
func partition(n int32) func(*apps.StatefulSet) {
	return func(set *apps.StatefulSet) {
		set.Spec.UpdateStrategy.RollingUpdate = &apps.RollingUpdateStatefulSetStrategy{Partition: &n}
	}
}
func startAt(n int32) func(*apps.StatefulSet) {
	return func(set *apps.StatefulSet) { set.Spec.Ordinals = &apps.StatefulSetOrdinals{Start: n} }
}
func minReady(seconds int32) func(*apps.StatefulSet) {
	return func(set *apps.StatefulSet) { set.Spec.MinReadySeconds = seconds }
}

// parsePod reads "number revision [ready|failed|ending|unlabelled] ...".
func parsePod(text string) *v1.Pod {
	words := strings.Fields(text)
	pod := &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "db-" + words[0], Labels: map[string]string{
			revisions.HashLabel: words[1], apps.StatefulSetPodNameLabel: "db-" + words[0], apps.PodIndexLabel: words[0],
		}},
		Status: v1.PodStatus{Phase: v1.PodRunning},
	}
	for _, word := range words[2:] {
		switch word {
		case "ready":
			pod.Status.Conditions = []v1.PodCondition{{Type: v1.PodReady, Status: v1.ConditionTrue, LastTransitionTime: metav1.NewTime(start)}}
		case "failed":
			pod.Status.Phase = v1.PodFailed
		case "ending":
			pod.DeletionTimestamp = &metav1.Time{Time: start}
		case "unlabelled":
			delete(pod.Labels, apps.PodIndexLabel)
		}
	}
	return pod
}

func text(out outcome) string {
	var words []string
	for _, one := range out.create {
		words = append(words, fmt.Sprintf("+%d=%s", one.ordinal, one.revision))
	}
	for _, pod := range slices.Concat(out.remove, out.condemned) {
		words = append(words, "-"+strings.TrimPrefix(pod.Name, "db-"))
	}
	for _, one := range out.mend {
		words = append(words, "~"+strings.TrimPrefix(one.pod.Name, "db-"))
	}
	return strings.Join(words, " ")
}

func TestPlan(t *testing.T) {
	tests := []struct {
		name string
		set  *apps.StatefulSet
		pods []string
		want string
	}{
		{"the first", newSet(3), nil, "+0=new"},
		{"the next only after the first is ready", newSet(3), []string{"0 new"}, ""},
		{"the next", newSet(3), []string{"0 new ready"}, "+1=new"},
		{"in parallel", newSet(3, parallel), []string{"1 new"}, "+0=new +2=new"},
		{"other start", newSet(2, startAt(5)), []string{"5 new ready"}, "+6=new"},
		{"a failed pod goes", newSet(3), []string{"0 new failed", "1 new ready"}, "-0"},
		{"an ending pod is waited for", newSet(3), []string{"0 new ready", "1 new ending"}, ""},
		{"labels are mended", newSet(1), []string{"0 new ready unlabelled"}, "~0"},
		{"fewer: the last goes first", newSet(1), []string{"0 new ready", "1 new ready", "2 new ready"}, "-2"},
		{"fewer: one after the other", newSet(1), []string{"0 new ready", "1 new ready", "2 new ready ending"}, ""},
		{"fewer: not while another is sick", newSet(1), []string{"0 new", "1 new ready", "2 new ready"}, ""},
		{"fewer: the only sick one may go", newSet(1), []string{"0 new ready", "1 new ready", "2 new"}, "-2"},
		{"fewer: a sick one below is waited for", newSet(1), []string{"0 new ready", "1 new", "2 new"}, ""},
		{"fewer: pods that have ended are not waited for", newSet(1), []string{"0 new ready", "1 new failed", "2 new failed"}, "-2"},
		{"fewer: a sick one above one that has ended", newSet(1), []string{"0 new ready", "1 new failed", "2 new"}, "-2"},
		{"fewer in parallel", newSet(1, parallel), []string{"0 new", "1 new", "2 new"}, "-2 -1"},
		{"update: the last first", newSet(3), []string{"0 old ready", "1 old ready", "2 old ready"}, "-2"},
		{"update: made anew", newSet(3), []string{"0 old ready", "1 old ready"}, "+2=new"},
		{"update: wait until it is well", newSet(3), []string{"0 old ready", "1 old ready", "2 new"}, ""},
		{"update: the next", newSet(3), []string{"0 old ready", "1 old ready", "2 new ready"}, "-1"},
		{"update: partition", newSet(3, partition(2)), []string{"0 old ready", "1 old ready", "2 new ready"}, ""},
		{"update: below the partition the current revision", newSet(3, partition(2)), []string{"1 old ready", "2 new ready"}, "+0=old"},
		{"update: partition beyond the end", newSet(3, partition(9)), []string{"0 old ready", "1 old ready", "2 old ready"}, ""},
		{"on delete", newSet(1, onDelete), []string{"0 old ready"}, ""},
		{"not available yet", newSet(2, minReady(3600*2)), []string{"0 new ready"}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			o := observed{set: test.set, current: "old", update: "new", now: start.Add(time.Hour)}
			for _, one := range test.pods {
				o.pods = append(o.pods, parsePod(one))
			}
			if diff := cmp.Diff(test.want, text(plan(o))); diff != "" {
				t.Errorf("actions (-want +got):\n%s", diff)
			}
		})
	}
}

func TestStatus(t *testing.T) {
	o := observed{set: newSet(3, minReady(60)), current: "old", update: "new", now: start.Add(40 * time.Second)}
	for _, one := range []string{"0 old ready", "1 new", "2 new ready"} {
		o.pods = append(o.pods, parsePod(one))
	}
	got, after := o.status(nil)
	want := apps.StatefulSetStatus{
		ObservedGeneration: 1, Replicas: 3, ReadyReplicas: 2, CurrentReplicas: 1, UpdatedReplicas: 2, CurrentRevision: "old", UpdateRevision: "new",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
	if after != 20*time.Second {
		t.Errorf("changes after %v, want 20s", after)
	}
	o.pods = []*v1.Pod{parsePod("0 new ready"), parsePod("1 new ready"), parsePod("2 new ready")}
	if got, _ := o.status(nil); got.CurrentRevision != "new" || got.CurrentReplicas != 3 {
		t.Errorf("after the update: current revision %s with %d pods", got.CurrentRevision, got.CurrentReplicas)
	}
}

func TestIdentity(t *testing.T) {
	set := newSet(1, func(set *apps.StatefulSet) {
		set.Spec.VolumeClaimTemplates = []v1.PersistentVolumeClaim{{ObjectMeta: metav1.ObjectMeta{Name: "data"}}}
		set.Spec.Template.Spec.Volumes = []v1.Volume{{Name: "other"}, {Name: "data"}}
	})
	pod := podFor(set, "rev", 4)
	if pod.Name != "db-4" || pod.Spec.Hostname != "db-4" || pod.Spec.Subdomain != "dbs" {
		t.Errorf("pod %s has host %s.%s", pod.Name, pod.Spec.Hostname, pod.Spec.Subdomain)
	}
	if len(pod.Spec.Volumes) != 2 || pod.Spec.Volumes[1].PersistentVolumeClaim.ClaimName != "data-db-4" {
		t.Errorf("volumes %v", pod.Spec.Volumes)
	}
	for name, want := range map[string]bool{"db-4": true, "db-04": false, "db-x": false, "dbx-4": false, "db--4": false} {
		if _, ok := ordinalOf(set, &v1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name}}); ok != want {
			t.Errorf("%s is a pod of the set: %v, want %v", name, ok, want)
		}
	}
}

func TestClaimOwners(t *testing.T) {
	policy := func(deleted, scaled apps.PersistentVolumeClaimRetentionPolicyType) *apps.StatefulSet {
		return newSet(1, func(set *apps.StatefulSet) {
			set.Spec.PersistentVolumeClaimRetentionPolicy = &apps.StatefulSetPersistentVolumeClaimRetentionPolicy{WhenDeleted: deleted, WhenScaled: scaled}
		})
	}
	const keep, drop = apps.RetainPersistentVolumeClaimRetentionPolicyType, apps.DeletePersistentVolumeClaimRetentionPolicyType
	pod := parsePod("0 new")
	tests := []struct {
		name      string
		set       *apps.StatefulSet
		condemned bool
		want      string
	}{
		{"retained", policy(keep, keep), true, ""},
		{"goes with the set", policy(drop, keep), false, "StatefulSet"},
		{"goes with the pod", policy(keep, drop), true, "Pod"},
		{"not while the pod is wanted", policy(keep, drop), false, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			owners, _ := claimOwners(test.set, &v1.PersistentVolumeClaim{}, pod, test.condemned)
			got := ""
			for _, ref := range owners {
				got += ref.Kind
			}
			if got != test.want {
				t.Errorf("owners %q, want %q", got, test.want)
			}
		})
	}
}
