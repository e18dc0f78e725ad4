package endpointslicemirroring

import (
	"strings"
	"testing"

	v1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/proa-sh/proa/pkg/controllers/control/controltest"
)

func TestController(t *testing.T) {
	s := controltest.NewServer(t, &v1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "db"}}, newEndpoints(80, "10.0.0.1"))
	controltest.Run(t, s, New)
	shows := func(want string) func() bool {
		return func() bool {
			var all []string
			for _, slice := range controltest.List[discovery.EndpointSlice](t, s, "discovery.k8s.io", "endpointslices", "default") {
				all = append(all, text(slice))
			}
			return strings.Join(all, ", ") == want
		}
	}
	s.Wait(t, "the endpoints are mirrored", shows("IPv4 80 10.0.0.1=true"))
	s.Put(newEndpoints(80, "10.0.0.2", "!10.0.0.3"))
	s.Wait(t, "the change is mirrored", shows("IPv4 80 10.0.0.2=true 10.0.0.3=false"))
	if err := s.Client().CoreV1().Endpoints("default").Delete(t.Context(), "db", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	s.Wait(t, "the slice is gone", shows(""))
}
