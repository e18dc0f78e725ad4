package nodeipam

import (
	"net/netip"
	"strings"
	"testing"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/proa-sh/proa/pkg/controllers/control"
	"github.com/proa-sh/proa/pkg/controllers/control/controltest"
)

func newNode(name string, parts ...string) *v1.Node {
	node := &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1.NodeSpec{PodCIDRs: parts}}
	if len(parts) > 0 {
		node.Spec.PodCIDR = parts[0]
	}
	return node
}

// Nodes that have a part keep it, others get the free ones; when all are given, one that is freed goes to who waits.
func TestController(t *testing.T) {
	s := controltest.NewServer(t, newNode("a", "10.0.0.0/25"), newNode("b"))
	events := controltest.Run(t, s, func(d control.Dependencies) (control.Controller, error) {
		return New(d, []Range{{netip.MustParsePrefix("10.0.0.0/24"), 25}}, nil)
	})
	parts := func() string {
		var words []string
		for _, node := range controltest.List[v1.Node](t, s, "", "nodes", "") {
			words = append(words, node.Name+"="+node.Spec.PodCIDR)
		}
		return strings.Join(words, " ")
	}
	s.Wait(t, "the second node has the second part", func() bool { return parts() == "a=10.0.0.0/25 b=10.0.0.128/25" })
	s.Put(newNode("c"))
	if event, want := <-events.Events, "Normal CIDRNotAvailable Node c status is now: CIDRNotAvailable"; event != want {
		t.Errorf("event %q, want %q", event, want)
	}
	if err := s.Client().CoreV1().Nodes().Delete(t.Context(), "a", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	s.Wait(t, "the third node has the part of the first", func() bool { return parts() == "b=10.0.0.128/25 c=10.0.0.0/25" })
}
