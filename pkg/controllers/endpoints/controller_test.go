package endpoints

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/proa-sh/proa/pkg/controllers/control/controltest"
)

func TestController(t *testing.T) {
	foreign := &v1.Endpoints{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "by-hand"}}
	s := controltest.NewServer(t, newService(), newPod(1, 8080, "True"), foreign)
	controltest.Run(t, s, New)
	shows := func(want ...string) func() bool {
		return func() bool {
			var got []string
			for _, endpoints := range controltest.List[v1.Endpoints](t, s, "", "endpoints", "default") {
				got = append(append(got, endpoints.Name), text(endpoints.Subsets)...)
			}
			return cmp.Equal(want, got)
		}
	}
	s.Wait(t, "the pod is an endpoint", shows("by-hand", "web", "http=8080 10.1.0.1 |"))
	s.Put(newPod(2, 8080, "False"))
	s.Wait(t, "the second pod is there, not ready", shows("by-hand", "web", "http=8080 10.1.0.1 | 10.1.0.2"))
	if err := s.Client().CoreV1().Services("default").Delete(t.Context(), "web", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	s.Wait(t, "the endpoints go with the service, those made by hand stay", shows("by-hand"))
}
