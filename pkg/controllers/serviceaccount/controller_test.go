package serviceaccount

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/proa-sh/proa/pkg/controllers/control/controltest"
)

func newNamespace(name string, phase v1.NamespacePhase) *v1.Namespace {
	return &v1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}, Status: v1.NamespaceStatus{Phase: phase}}
}

func TestPlan(t *testing.T) {
	tests := []struct {
		name  string
		phase v1.NamespacePhase
		there bool
		want  []string
	}{
		{"missing", v1.NamespaceActive, false, []string{"default"}},
		{"there", v1.NamespaceActive, true, nil},
		{"ending", v1.NamespaceTerminating, false, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := plan(newNamespace("a", test.phase), func(string) bool { return test.there }).create
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("accounts to create (-want +got):\n%s", diff)
			}
		})
	}
}

func TestController(t *testing.T) {
	s := controltest.NewServer(t, newNamespace("a", v1.NamespaceActive), newNamespace("gone", v1.NamespaceTerminating))
	controltest.Run(t, s, New)
	accounts := func() []string {
		var names []string
		for _, account := range controltest.List[v1.ServiceAccount](t, s, "", "serviceaccounts", "") {
			names = append(names, account.Namespace+"/"+account.Name)
		}
		return names
	}
	s.Wait(t, "the account is there", func() bool { return cmp.Equal(accounts(), []string{"a/default"}) })
	s.Put(newNamespace("b", v1.NamespaceActive))
	s.Wait(t, "the account of the new namespace is there", func() bool { return cmp.Equal(accounts(), []string{"a/default", "b/default"}) })
	if err := s.Client().CoreV1().ServiceAccounts("a").Delete(t.Context(), "default", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	s.Wait(t, "the account is back", func() bool { return s.Count("create serviceaccounts") == 3 && len(accounts()) == 2 })
}
