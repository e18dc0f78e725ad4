package endpointslicemirroring

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func newEndpoints(port int32, addresses ...string) *v1.Endpoints {
	endpoints := &v1.Endpoints{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "db", UID: "e", Labels: map[string]string{"team": "x"}, Annotations: map[string]string{v1.LastAppliedConfigAnnotation: "{}"}},
		Subsets:    []v1.EndpointSubset{{Ports: []v1.EndpointPort{{Name: "sql", Port: port, Protocol: v1.ProtocolTCP}}}},
	}
	for _, text := range addresses {
		ip, unready := strings.CutPrefix(text, "!")
		if unready {
			endpoints.Subsets[0].NotReadyAddresses = append(endpoints.Subsets[0].NotReadyAddresses, v1.EndpointAddress{IP: ip})
		} else {
			endpoints.Subsets[0].Addresses = append(endpoints.Subsets[0].Addresses, v1.EndpointAddress{IP: ip})
		}
	}
	return endpoints
}

func text(slice *discovery.EndpointSlice) string {
	words := []string{string(slice.AddressType)}
	for _, port := range slice.Ports {
		words = append(words, fmt.Sprint(*port.Port))
	}
	for _, e := range slice.Endpoints {
		words = append(words, fmt.Sprintf("%s=%v", e.Addresses[0], *e.Conditions.Ready))
	}
	return strings.Join(words, " ")
}

func TestPlan(t *testing.T) {
	existing := slicesOf(newEndpoints(80, "10.0.0.1"))
	existing[0].Name = "db-1"
	tests := []struct {
		name      string
		endpoints *v1.Endpoints
		existing  []*discovery.EndpointSlice
		want      []string
	}{
		{"first", newEndpoints(80, "10.0.0.1", "!10.0.0.2"), nil, []string{"create IPv4 80 10.0.0.1=true 10.0.0.2=false"}},
		{"two families", newEndpoints(80, "10.0.0.1", "fd00::1"), nil, []string{"create IPv4 80 10.0.0.1=true", "create IPv6 80 fd00::1=true"}},
		{"steady", newEndpoints(80, "10.0.0.1"), existing, nil},
		{"other address", newEndpoints(80, "10.0.0.9"), existing, []string{"update IPv4 80 10.0.0.9=true"}},
		{"other port", newEndpoints(90, "10.0.0.1"), existing, []string{"create IPv4 90 10.0.0.1=true", "delete IPv4 80 10.0.0.1=true"}},
		{"gone", nil, existing, []string{"delete IPv4 80 10.0.0.1=true"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			out := plan(test.endpoints, test.existing)
			for _, slice := range out.create {
				got = append(got, "create "+text(slice))
			}
			for _, slice := range out.update {
				got = append(got, "update "+text(slice))
			}
			for _, slice := range out.remove {
				got = append(got, "delete "+text(slice))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("actions (-want +got):\n%s", diff)
			}
		})
	}
	want := map[string]string{"team": "x", discovery.LabelServiceName: "db", discovery.LabelManagedBy: managedBy}
	if diff := cmp.Diff(want, existing[0].Labels); diff != "" || existing[0].Annotations != nil {
		t.Errorf("annotations %v, labels (-want +got):\n%s", existing[0].Annotations, diff)
	}
}

func TestMirrored(t *testing.T) {
	plain, selecting := &v1.Service{}, &v1.Service{Spec: v1.ServiceSpec{Selector: map[string]string{"a": "b"}}}
	skipped, lock := newEndpoints(80), newEndpoints(80)
	skipped.Labels = map[string]string{discovery.LabelSkipMirror: "true"}
	lock.Annotations = map[string]string{"control-plane.alpha.kubernetes.io/leader": "{}"}
	tests := []struct {
		name      string
		endpoints *v1.Endpoints
		service   *v1.Service
		want      bool
	}{
		{"by hand", newEndpoints(80), plain, true}, {"service selects", newEndpoints(80), selecting, false}, {"no service", newEndpoints(80), nil, false},
		{"no endpoints", nil, plain, false}, {"skipped", skipped, plain, false}, {"lock", lock, plain, false},
	}
	for _, test := range tests {
		if got := mirrored(test.endpoints, test.service); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}
