package deployment

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apps "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func newDeployment(replicas int32, changes ...func(*apps.Deployment)) *apps.Deployment {
	one, zero, deadline := intstr.FromInt32(1), intstr.FromInt32(0), int32(600)
	d := &apps.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web", UID: "d", Generation: 1, Annotations: map[string]string{"note": "x"}},
		Spec: apps.DeploymentSpec{
			Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}},
			Template:                template("v1"),
			Strategy:                apps.DeploymentStrategy{Type: apps.RollingUpdateDeploymentStrategyType, RollingUpdate: &apps.RollingUpdateDeployment{MaxSurge: &one, MaxUnavailable: &zero}},
			ProgressDeadlineSeconds: &deadline,
		},
	}
	for _, change := range changes {
		change(d)
	}
	return d
}

func template(image string) v1.PodTemplateSpec {
	return v1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "web"}},
		Spec:       v1.PodSpec{Containers: []v1.Container{{Name: "c", Image: image}}},
	}
}

func surge(up, down intstr.IntOrString) func(*apps.Deployment) {
	return func(d *apps.Deployment) {
		d.Spec.Strategy.RollingUpdate = &apps.RollingUpdateDeployment{MaxSurge: &up, MaxUnavailable: &down}
	}
}

func recreate(d *apps.Deployment) {
	d.Spec.Strategy = apps.DeploymentStrategy{Type: apps.RecreateDeploymentStrategyType}
}
func paused(d *apps.Deployment) { d.Spec.Paused = true }

// newSet makes the set of an image. Its name is the image, its age grows with the order of the image's version.
func newSet(image string, size, available int32, changes ...func(*apps.ReplicaSet)) *apps.ReplicaSet {
	set := &apps.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "default", Name: image, UID: types.UID(image),
			CreationTimestamp: metav1.NewTime(start.Add(time.Duration(image[1]) * time.Minute)),
			Annotations:       map[string]string{revisionAnnotation: image[1:], "note": "x"},
			OwnerReferences:   []metav1.OwnerReference{*metav1.NewControllerRef(&metav1.ObjectMeta{Name: "web", UID: "d"}, kind())},
		},
		Spec:   apps.ReplicaSetSpec{Replicas: &size, Template: template(image)},
		Status: apps.ReplicaSetStatus{Replicas: size, ReadyReplicas: available, AvailableReplicas: available},
	}
	for _, change := range changes {
		change(set)
	}
	return set
}

func sizedFor(desired, most int32) func(*apps.ReplicaSet) {
	return func(set *apps.ReplicaSet) {
		set.Annotations[desiredAnnotation], set.Annotations[maxAnnotation] = fmt.Sprint(desired), fmt.Sprint(most)
	}
}

// text is what an outcome does to sets, in short.
func text(out outcome) []string {
	var lines []string
	if set := out.create; set != nil {
		lines = append(lines, fmt.Sprintf("create %d, revision %s", size(set), set.Annotations[revisionAnnotation]))
	}
	for _, one := range out.update {
		if size(one.was) != size(one.set) {
			lines = append(lines, fmt.Sprintf("%s: %d to %d", one.set.Name, size(one.was), size(one.set)))
		} else {
			lines = append(lines, one.set.Name+": annotations")
		}
	}
	for _, set := range out.remove {
		lines = append(lines, "delete "+set.Name)
	}
	slices.Sort(lines)
	return lines
}

func TestPlan(t *testing.T) {
	percent, n := intstr.FromString, intstr.FromInt32
	const huge = math.MaxInt32
	limit := func(n int32) func(*apps.Deployment) {
		return func(d *apps.Deployment) { d.Spec.RevisionHistoryLimit = &n }
	}
	image := func(name string) func(*apps.Deployment) {
		return func(d *apps.Deployment) { d.Spec.Template = template(name) }
	}
	tests := []struct {
		name    string
		d       *apps.Deployment
		sets    []*apps.ReplicaSet
		oldPods bool
		want    []string
	}{
		{name: "first set", d: newDeployment(3), want: []string{"create 3, revision 1"}},
		{name: "steady", d: newDeployment(3), sets: []*apps.ReplicaSet{newSet("v1", 3, 3, sizedFor(3, 4))}},
		{name: "scaled", d: newDeployment(5), sets: []*apps.ReplicaSet{newSet("v1", 3, 3, sizedFor(3, 4))}, want: []string{"v1: 3 to 5"}},
		{name: "new template starts within the surge", d: newDeployment(3, image("v2")), sets: []*apps.ReplicaSet{newSet("v1", 3, 3, sizedFor(3, 4))}, want: []string{"create 1, revision 2"}},
		{
			name: "nothing may be missing, so wait for the new pod", d: newDeployment(3, image("v2")),
			sets: []*apps.ReplicaSet{newSet("v1", 3, 3, sizedFor(3, 4)), newSet("v2", 1, 0, sizedFor(3, 4))},
		},
		{
			name: "new pod available: one old goes", d: newDeployment(3, image("v2")),
			sets: []*apps.ReplicaSet{newSet("v1", 3, 3, sizedFor(3, 4)), newSet("v2", 1, 1, sizedFor(3, 4))}, want: []string{"v1: 3 to 2"},
		},
		{
			name: "old one gone: one more new", d: newDeployment(3, image("v2")),
			sets: []*apps.ReplicaSet{newSet("v1", 2, 2, sizedFor(3, 4)), newSet("v2", 1, 1, sizedFor(3, 4))}, want: []string{"v2: 1 to 2"},
		},
		{
			name: "an old set that has not been followed yet is not shrunk twice", d: newDeployment(3, image("v2")),
			sets: []*apps.ReplicaSet{newSet("v1", 2, 3, sizedFor(3, 4)), newSet("v2", 2, 1, sizedFor(3, 4))},
		},
		{
			name: "broken old pods go first, all at once", d: newDeployment(10, image("v3"), surge(n(3), n(2))),
			sets: []*apps.ReplicaSet{newSet("v1", 8, 8, sizedFor(10, 13)), newSet("v2", 5, 0, sizedFor(10, 13)), newSet("v3", 0, 0, sizedFor(10, 13))},
			want: []string{"v2: 5 to 0"},
		},
		{
			name: "back to an older template", d: newDeployment(1, image("v1")),
			sets: []*apps.ReplicaSet{newSet("v1", 0, 0, sizedFor(1, 2)), newSet("v2", 1, 1, sizedFor(1, 2))}, want: []string{"v1: 0 to 1"},
		},
		{
			name: "proportions: the example of the documentation", d: newDeployment(30, image("v2"), surge(n(3), n(2))),
			sets: []*apps.ReplicaSet{newSet("v1", 8, 8, sizedFor(10, 13)), newSet("v2", 5, 0, sizedFor(10, 13))},
			want: []string{"v1: 8 to 20", "v2: 5 to 13"},
		},
		{
			name: "proportions downwards", d: newDeployment(5, image("v2"), surge(n(3), n(2))),
			sets: []*apps.ReplicaSet{newSet("v1", 8, 8, sizedFor(10, 13)), newSet("v2", 5, 0, sizedFor(10, 13))},
			want: []string{"v1: 8 to 5", "v2: 5 to 3"},
		},
		{name: "percentages", d: newDeployment(4, image("v2"), surge(percent("25%"), percent("25%"))), sets: []*apps.ReplicaSet{newSet("v1", 4, 4, sizedFor(4, 5))}, want: []string{"create 1, revision 2"}},
		{name: "paused makes no set", d: newDeployment(3, image("v2"), paused), sets: []*apps.ReplicaSet{newSet("v1", 3, 3, sizedFor(3, 4))}},
		{name: "paused follows the number", d: newDeployment(5, image("v2"), paused), sets: []*apps.ReplicaSet{newSet("v1", 3, 3, sizedFor(3, 4))}, want: []string{"v1: 3 to 5"}},
		{name: "paused before the first set", d: newDeployment(3, paused)},
		{
			name: "paused, scaled up from huge sets", d: newDeployment(huge, image("v3"), paused),
			sets: []*apps.ReplicaSet{newSet("v1", huge-1, 0, sizedFor(1, 1)), newSet("v2", huge-1, 0, sizedFor(1, 1))}, want: []string{"v1: 2147483646 to 1"},
		},
		{
			name: "sets that others have sized beyond all numbers shrink", d: newDeployment(huge, image("v3")),
			sets: []*apps.ReplicaSet{newSet("v1", huge, 0, sizedFor(huge, huge)), newSet("v2", huge, 0, sizedFor(huge, huge)), newSet("v3", 1, 0, sizedFor(huge, huge))},
			want: []string{"v1: 2147483647 to 0"},
		},
		{name: "recreate: empty new set", d: newDeployment(3, image("v2"), recreate), sets: []*apps.ReplicaSet{newSet("v1", 3, 3, sizedFor(3, 3))}, oldPods: true, want: []string{"create 0, revision 2"}},
		{name: "recreate: old to nothing", d: newDeployment(3, image("v2"), recreate), sets: []*apps.ReplicaSet{newSet("v1", 3, 3, sizedFor(3, 3)), newSet("v2", 0, 0)}, oldPods: true, want: []string{"v1: 3 to 0"}},
		{name: "recreate: wait for old pods", d: newDeployment(3, image("v2"), recreate), sets: []*apps.ReplicaSet{newSet("v1", 0, 0), newSet("v2", 0, 0)}, oldPods: true},
		{name: "recreate: then all new", d: newDeployment(3, image("v2"), recreate), sets: []*apps.ReplicaSet{newSet("v1", 0, 0), newSet("v2", 0, 0)}, want: []string{"v2: 0 to 3"}},
		{
			name: "history is cut", d: newDeployment(1, image("v4"), limit(1)),
			sets: []*apps.ReplicaSet{newSet("v1", 0, 0), newSet("v2", 0, 0), newSet("v3", 0, 0), newSet("v4", 1, 1, sizedFor(1, 2))},
			want: []string{"delete v1", "delete v2"},
		},
		{
			name: "history waits for the end of the rollout", d: newDeployment(1, image("v4"), limit(0)),
			sets: []*apps.ReplicaSet{newSet("v1", 0, 0), newSet("v4", 1, 0, sizedFor(1, 2))},
		},
		{name: "under deletion", d: newDeployment(3, func(d *apps.Deployment) { d.DeletionTimestamp = &metav1.Time{Time: start} })},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			out, err := plan(observed{deployment: test.d, sets: test.sets, oldPods: test.oldPods, now: start})
			if err != nil {
				t.Fatal(err)
			}
			got := slices.DeleteFunc(text(out), func(s string) bool { return strings.HasSuffix(s, "annotations") })
			if diff := cmp.Diff(test.want, got, cmp.Transformer("nil", func(s []string) []string { return append([]string{}, s...) })); diff != "" {
				t.Errorf("actions (-want +got):\n%s", diff)
			}
		})
	}
}

// A rollback reuses the older set and gives it a new revision, remembering the old one.
func TestRevisions(t *testing.T) {
	d := newDeployment(1)
	d.Annotations["changed"] = "yes"
	out, err := plan(observed{deployment: d, now: start, sets: []*apps.ReplicaSet{newSet("v1", 0, 0), newSet("v2", 1, 1, sizedFor(1, 2))}})
	if err != nil {
		t.Fatal(err)
	}
	if out.revision != "3" {
		t.Errorf("revision %q, want 3", out.revision)
	}
	wantAnnotations := map[string]string{
		revisionAnnotation: "3", historyAnnotation: "1", "note": "x", "changed": "yes", desiredAnnotation: "1", maxAnnotation: "2",
	}
	if diff := cmp.Diff(wantAnnotations, out.update[0].set.Annotations); diff != "" {
		t.Errorf("annotations (-want +got):\n%s", diff)
	}
}

func TestTemplateHash(t *testing.T) {
	one := int32(1)
	plain, other := template("v1"), template("v2")
	a, err := templateHash(&plain, nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := templateHash(&plain, &one)
	if err != nil {
		t.Fatal(err)
	}
	c, err := templateHash(&other, nil)
	if err != nil {
		t.Fatal(err)
	}
	if a == b || a == c || b == c {
		t.Errorf("hashes are not different: %s %s %s", a, b, c)
	}
}
