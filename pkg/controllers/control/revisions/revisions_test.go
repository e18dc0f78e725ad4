package revisions

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	apps "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func template(image string) v1.PodTemplateSpec {
	return v1.PodTemplateSpec{Spec: v1.PodSpec{Containers: []v1.Container{{Name: "c", Image: image}}}}
}

func ownerOf(set *apps.DaemonSet) Owner {
	return Owner{Object: set, Kind: apps.SchemeGroupVersion.WithKind("DaemonSet"), Template: &set.Spec.Template, Labels: map[string]string{"app": "x"}}
}

// The steps of a set that gets a template, another, and the first again.
func TestNext(t *testing.T) {
	set := &apps.DaemonSet{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "agent", UID: "u"}}
	var all []*apps.ControllerRevision
	step := func(image string) Step {
		set.Spec.Template = template(image)
		s, err := Next(ownerOf(set), all)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	first := step("v1")
	if !first.Create || first.Newest.Revision != 1 || first.Newest.Name != "agent-"+first.Newest.Labels[HashLabel] {
		t.Errorf("first step %+v", first)
	}
	all = append(all, first.Newest)
	if again := step("v1"); again.Create || again.Renumber {
		t.Errorf("step without a change %+v", again)
	}
	second := step("v2")
	if !second.Create || second.Newest.Revision != 2 {
		t.Errorf("second step %+v", second)
	}
	all = append(all, second.Newest)
	back := step("v1")
	if !back.Renumber || back.Newest.Revision != 3 || back.Newest.Name != first.Newest.Name {
		t.Errorf("step back %+v", back)
	}
	restored, err := Apply(set, second.Newest)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(template("v2"), restored.Spec.Template); diff != "" {
		t.Errorf("restored template (-want +got):\n%s", diff)
	}
}

// Numbers beyond 2^53 have no exact float64.
func TestLargeNumbers(t *testing.T) {
	for _, n := range []int64{math.MinInt64, math.MaxInt64, 1<<53 + 1} {
		set := &apps.DaemonSet{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "agent", UID: "u"}}
		set.Spec.Template = template("v1")
		set.Spec.Template.Spec.Tolerations = []v1.Toleration{{Operator: v1.TolerationOpExists, Effect: v1.TaintEffectNoExecute, TolerationSeconds: &n}}
		revision, err := New(ownerOf(set), 1)
		if err != nil {
			t.Fatal(err)
		}
		restored, err := Apply(set, revision)
		if err != nil {
			t.Errorf("tolerationSeconds %d: %v", n, err)
			continue
		}
		if diff := cmp.Diff(set.Spec.Template, restored.Spec.Template); diff != "" {
			t.Errorf("restored template (-want +got):\n%s", diff)
		}
		less := n ^ 1
		set.Spec.Template.Spec.Tolerations[0].TolerationSeconds = &less
		if other, err := New(ownerOf(set), 2); err != nil || Same(revision, other) {
			t.Errorf("templates with %d and %d count as the same (%v)", n, less, err)
		}
	}
}

func TestForgotten(t *testing.T) {
	var all []*apps.ControllerRevision
	for i := range 5 {
		all = append(all, &apps.ControllerRevision{ObjectMeta: metav1.ObjectMeta{Name: string(rune('a' + i))}, Revision: int64(i)})
	}
	var got []string
	for _, one := range Forgotten(all, 1, func(r *apps.ControllerRevision) bool { return r.Name == "b" || r.Name == "e" }) {
		got = append(got, one.Name)
	}
	if diff := cmp.Diff([]string{"a", "c"}, got); diff != "" {
		t.Errorf("forgotten (-want +got):\n%s", diff)
	}
	if got := Forgotten(all, -1, func(*apps.ControllerRevision) bool { return false }); len(got) > 0 {
		t.Errorf("a negative limit forgets %d", len(got))
	}
}

func TestCollisionsChangeTheName(t *testing.T) {
	set := &apps.DaemonSet{ObjectMeta: metav1.ObjectMeta{Name: "agent"}}
	owner, one := ownerOf(set), int32(1)
	a, err := New(owner, 1)
	if err != nil {
		t.Fatal(err)
	}
	owner.Collisions = &one
	b, err := New(owner, 1)
	if err != nil {
		t.Fatal(err)
	}
	if a.Name == b.Name || !Same(a, b) {
		t.Errorf("revisions %q and %q, same %v", a.Name, b.Name, Same(a, b))
	}
}
