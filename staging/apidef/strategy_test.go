package apidef

import (
	"context"
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/endpoints/request"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

type nodeResource = Resource[corev1.Node, *corev1.Node]

// newNodeResource declares something with a spec and a status.
func newNodeResource() *nodeResource {
	return &nodeResource{
		Names:  Names{Kind: corev1.SchemeGroupVersion.WithKind("Node"), Plural: "nodes"},
		Spec:   Field(func(n *corev1.Node) *corev1.NodeSpec { return &n.Spec }),
		Status: Field(func(n *corev1.Node) *corev1.NodeStatus { return &n.Status }),
	}
}

func strategyOf(r *nodeResource) *strategy[corev1.Node, *corev1.Node] {
	return &strategy[corev1.Node, *corev1.Node]{r: r}
}

func TestGeneration(t *testing.T) {
	old := corev1.Node{ObjectMeta: metav1.ObjectMeta{Generation: 4}}
	spec, status, annotated, deleted := old, old, old, old
	spec.Spec.Unschedulable = true
	status.Status.Phase = "p"
	annotated.Annotations = map[string]string{"a": "b"}
	deleted.DeletionTimestamp = &metav1.Time{}
	annotations := func(new, old *corev1.Node) bool { return !maps.Equal(new.Annotations, old.Annotations) }
	for _, tt := range []struct {
		name      string
		new       corev1.Node
		counts    func(new, old *corev1.Node) bool
		uncounted bool
		want      int64
	}{
		{"spec", spec, nil, false, 5},
		{"spec of a kind without", spec, nil, true, 4},
		{"status", status, nil, false, 4},
		{"annotation", annotated, nil, false, 4},
		{"annotation that counts", annotated, annotations, false, 5},
		{"deletion", deleted, nil, false, 5},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newNodeResource()
			r.Counts, r.Uncounted = tt.counts, tt.uncounted
			strategyOf(r).PrepareForUpdate(context.Background(), &tt.new, &old)
			if tt.new.Generation != tt.want {
				t.Errorf("generation %d, want %d", tt.new.Generation, tt.want)
			}
		})
	}
}

func TestStatusUpdateCountsNothing(t *testing.T) {
	r := newNodeResource()
	r.Counts = func(_, _ *corev1.Node) bool { return true }
	s := &viewStrategy[corev1.Node, *corev1.Node]{strategyOf(r), r.views()[0]}
	old := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Generation: 4}}
	n := &corev1.Node{Spec: corev1.NodeSpec{Unschedulable: true}, Status: corev1.NodeStatus{Phase: "p"}}
	s.PrepareForUpdate(context.Background(), n, old)
	want := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Generation: 4}, Status: corev1.NodeStatus{Phase: "p"}}
	if diff := cmp.Diff(want, n); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestCreate(t *testing.T) {
	ctx := request.WithUser(context.Background(), &user.DefaultInfo{Name: "me"})
	for _, tt := range []struct {
		name   string
		change func(*nodeResource)
		want   *corev1.Node
	}{
		{"counted", func(*nodeResource) {}, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Generation: 1}}},
		{"uncounted", func(r *nodeResource) { r.Uncounted = true }, &corev1.Node{}},
		{"with status", func(r *nodeResource) { r.StatusOnCreate = true },
			&corev1.Node{ObjectMeta: metav1.ObjectMeta{Generation: 1}, Status: corev1.NodeStatus{Phase: "p"}}},
		{"author", func(r *nodeResource) {
			r.Author = func(n *corev1.Node, by user.Info) { n.Spec.ProviderID = by.GetName() }
		},
			&corev1.Node{ObjectMeta: metav1.ObjectMeta{Generation: 1}, Spec: corev1.NodeSpec{ProviderID: "me"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newNodeResource()
			tt.change(r)
			n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Generation: 9}, Status: corev1.NodeStatus{Phase: "p"}}
			strategyOf(r).PrepareForCreate(ctx, n)
			if diff := cmp.Diff(tt.want, n); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestSpokeRules checks that the version that a client speaks chooses the rules.
func TestSpokeRules(t *testing.T) {
	fault := func(of string) field.ErrorList { return field.ErrorList{field.Invalid(field.NewPath(of), of, "")} }
	rules := func(of string) Rules[*corev1.Node] {
		return Rules[*corev1.Node]{
			Validate:       func(*corev1.Node) field.ErrorList { return fault(of) },
			ValidateUpdate: func(_, _ *corev1.Node) field.ErrorList { return fault(of + " update") },
		}
	}
	r := newNodeResource()
	r.Validate, r.ValidateUpdate = rules("hub").Validate, rules("hub").ValidateUpdate
	r.SpokeRules = map[schema.GroupVersion]Rules[*corev1.Node]{eventsv1.SchemeGroupVersion: rules("spoke")}
	for group, want := range map[string]string{"": "hub", "events.k8s.io": "spoke"} {
		ctx := request.WithRequestInfo(context.Background(), &request.RequestInfo{APIGroup: group, APIVersion: "v1"})
		if got := strategyOf(r).Validate(ctx, &corev1.Node{}); got[0].Field != want {
			t.Errorf("in group %q: create is validated by %s, want %s", group, got[0].Field, want)
		}
		if got := strategyOf(r).ValidateUpdate(ctx, &corev1.Node{}, &corev1.Node{}); got[0].Field != want+" update" {
			t.Errorf("in group %q: update is validated by %s, want %s update", group, got[0].Field, want)
		}
	}
}

func TestResets(t *testing.T) {
	r := newNodeResource()
	r.Spokes = []Spoke{{Kind: eventsv1.SchemeGroupVersion.WithKind("Node")}}
	set := fieldpath.NewSet(fieldpath.MakePathOrDie("spec"), fieldpath.MakePathOrDie("status", "nodeInfo"))
	got := r.resets("spec", "status.nodeInfo")
	for _, version := range []fieldpath.APIVersion{"v1", "events.k8s.io/v1"} {
		if !set.Equals(got[version]) {
			t.Errorf("%s: resets %v, want %v", version, got[version], set)
		}
	}
}

func TestSpokeLabels(t *testing.T) {
	r := newNodeResource()
	r.Fields = map[string]func(*corev1.Node) string{"spec.providerID": func(n *corev1.Node) string { return n.Spec.ProviderID }}
	same, other := r.spokeLabel(Spoke{}), r.spokeLabel(Spoke{FieldLabels: map[string]string{"provider": "spec.providerID"}})
	for _, tt := range []struct {
		name        string
		convert     func(label, value string) (string, string, error)
		label, want string // no label wanted: an error
	}{
		{"same names", same, "spec.providerID", "spec.providerID"},
		{"same names", same, "provider", ""},
		{"other names", other, "provider", "spec.providerID"},
		{"other names", other, "spec.providerID", ""},
		{"other names", other, "metadata.name", "metadata.name"},
	} {
		got, _, err := tt.convert(tt.label, "v")
		if got != tt.want || (err != nil) != (tt.want == "") {
			t.Errorf("%s: label %s became %q, %v, want %q", tt.name, tt.label, got, err, tt.want)
		}
	}
}

// TestStatusKeeps checks what of the metadata an update of status may change, and that server-side apply knows.
func TestStatusKeeps(t *testing.T) {
	meta := func(v string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Labels: map[string]string{"l": v}, Annotations: map[string]string{"a": v}, Finalizers: []string{v},
			OwnerReferences: []metav1.OwnerReference{{Name: v}}, ManagedFields: []metav1.ManagedFieldsEntry{{Manager: v}}}
	}
	for _, tt := range []struct {
		keeps, labels, annotation string
	}{
		{"", "new", "new"}, {"metadata.labels", "old", "new"}, {"metadata", "old", "old"},
	} {
		r := newNodeResource()
		r.StatusKeeps = tt.keeps
		view := r.views()[0]
		n, old := &corev1.Node{ObjectMeta: meta("new")}, &corev1.Node{ObjectMeta: meta("old")}
		view.Prepare(n, old)
		want := meta("new")
		want.OwnerReferences[0].Name, want.Labels["l"], want.Annotations["a"], want.Finalizers[0] = "old", tt.labels, tt.annotation, tt.annotation
		if diff := cmp.Diff(want, n.ObjectMeta); diff != "" {
			t.Errorf("keeps %q (-want +got):\n%s", tt.keeps, diff)
		}
		resets := []string{"spec"}
		if tt.keeps != "" {
			resets = append(resets, tt.keeps)
		}
		if diff := cmp.Diff(resets, view.Resets); diff != "" {
			t.Errorf("keeps %q, resets (-want +got):\n%s", tt.keeps, diff)
		}
	}
}
