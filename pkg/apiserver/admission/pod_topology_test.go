package admission

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
)

func TestPodTopology(t *testing.T) {
	factory := informers.NewSharedInformerFactory(fake.NewClientset(), 0)
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n", Labels: map[string]string{corev1.LabelTopologyZone: "z", corev1.LabelTopologyRegion: "r", corev1.LabelHostname: "h"}}}
	if err := factory.Core().V1().Nodes().Informer().GetIndexer().Add(node); err != nil {
		t.Fatal(err)
	}
	p := build(t, podTopology(), Inputs{Informers: factory})
	place := map[string]string{corev1.LabelTopologyZone: "z", corev1.LabelTopologyRegion: "r"}
	pods := corev1.SchemeGroupVersion.WithResource("pods")
	binding := func(kind, name string) *corev1.Binding {
		return &corev1.Binding{Target: corev1.ObjectReference{Kind: kind, Name: name}}
	}
	for _, c := range []struct {
		name        string
		object      runtime.Object
		subresource string
		want        map[string]string
	}{
		{"binding", binding("Node", "n"), "binding", place},
		{"binding to nothing known", binding("Node", "m"), "binding", nil},
		{"binding to something else", binding("Moon", "n"), "binding", nil},
		{"pod on a node", &corev1.Pod{Spec: corev1.PodSpec{NodeName: "n"}}, "", place},
		{"pod that says where it is", &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{corev1.LabelTopologyZone: "other"}}, Spec: corev1.PodSpec{NodeName: "n"}}, "", place},
		{"pod on no node", &corev1.Pod{}, "", nil},
	} {
		a := admission.NewAttributesRecord(c.object, nil, schema.GroupVersionKind{}, "ns", "p", pods, c.subresource, admission.Create, nil, false, nil)
		if err := p.Admit(t.Context(), a); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if diff := cmp.Diff(c.want, c.object.(metav1.Object).GetLabels()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}
