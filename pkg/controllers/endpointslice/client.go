package endpointslice

import (
	"context"

	discovery "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	typed "k8s.io/client-go/kubernetes/typed/discovery/v1"

	"github.com/proa-sh/proa/pkg/controllers/control"
)

// recordingClient is a client whose writes of slices are recorded for the reconciliation that ctx belongs to, which the
// library's reconciler does not pass on. known are the slices that may be deleted, by name.
type recordingClient struct {
	kubernetes.Interface
	ctx   context.Context
	known map[string]*discovery.EndpointSlice
}

// DiscoveryV1 implements kubernetes.Interface.
func (c recordingClient) DiscoveryV1() typed.DiscoveryV1Interface {
	return recordingGroup{c.Interface.DiscoveryV1(), c}
}

type recordingGroup struct {
	typed.DiscoveryV1Interface
	client recordingClient
}

func (g recordingGroup) EndpointSlices(namespace string) typed.EndpointSliceInterface {
	return recordingSlices{g.DiscoveryV1Interface.EndpointSlices(namespace), g.client}
}

type recordingSlices struct {
	typed.EndpointSliceInterface
	client recordingClient
}

func (s recordingSlices) Create(_ context.Context, slice *discovery.EndpointSlice, _ metav1.CreateOptions) (*discovery.EndpointSlice, error) {
	return control.Create(s.client.ctx, s.EndpointSliceInterface, slice)
}

func (s recordingSlices) Update(_ context.Context, slice *discovery.EndpointSlice, _ metav1.UpdateOptions) (*discovery.EndpointSlice, error) {
	return control.Update(s.client.ctx, s.EndpointSliceInterface, slice)
}

func (s recordingSlices) Delete(_ context.Context, name string, options metav1.DeleteOptions) error {
	slice := s.client.known[name]
	if slice == nil {
		return s.EndpointSliceInterface.Delete(s.client.ctx, name, options)
	}
	return control.Delete(s.client.ctx, s.EndpointSliceInterface, slice, options)
}
