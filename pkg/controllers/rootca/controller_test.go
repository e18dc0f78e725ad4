package rootca

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/proa-sh/proa/pkg/controllers/control"
	"github.com/proa-sh/proa/pkg/controllers/control/controltest"
)

func newNamespace(phase v1.NamespacePhase) *v1.Namespace {
	return &v1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "a"}, Status: v1.NamespaceStatus{Phase: phase}}
}

func TestPlan(t *testing.T) {
	published := plan(newNamespace(v1.NamespaceActive), nil, "pem").create
	older := published.DeepCopy()
	older.Data["ca.crt"], older.Data["more"] = "old", "x"
	older.Labels = map[string]string{"kept": "yes"}
	newer := older.DeepCopy()
	newer.Data = map[string]string{"ca.crt": "pem"}
	tests := []struct {
		name    string
		phase   v1.NamespacePhase
		current *v1.ConfigMap
		want    outcome
	}{
		{"missing", v1.NamespaceActive, nil, outcome{create: published}},
		{"up to date", v1.NamespaceActive, published, outcome{}},
		{"changed", v1.NamespaceActive, older, outcome{update: newer}},
		{"ending", v1.NamespaceTerminating, nil, outcome{}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := plan(newNamespace(test.phase), test.current, "pem")
			if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(outcome{})); diff != "" {
				t.Errorf("outcome (-want +got):\n%s", diff)
			}
		})
	}
}

func TestController(t *testing.T) {
	s := controltest.NewServer(t, newNamespace(v1.NamespaceActive))
	controltest.Run(t, s, func(d control.Dependencies) (control.Controller, error) { return New(d, []byte("pem")) })
	bundle := func() string {
		for _, config := range controltest.List[v1.ConfigMap](t, s, "", "configmaps", "a") {
			return config.Data["ca.crt"]
		}
		return ""
	}
	s.Wait(t, "the bundle is published", func() bool { return bundle() == "pem" })
	controltest.Change(t, s, &v1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: Name}}, func(config *v1.ConfigMap) { config.Data = nil })
	s.Wait(t, "the bundle is mended", func() bool { return bundle() == "pem" })
	if err := s.Client().CoreV1().ConfigMaps("a").Delete(t.Context(), Name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	s.Wait(t, "the bundle is back", func() bool { return bundle() == "pem" })
}
