package histories

import (
	"fmt"
	"net/netip"

	discovery "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/proa-sh/proa/pkg/proxy/model"
)

// proxy notes where the service proxy of a node sends connections to a service, after the slices that there are. It refuses
// those to a front without endpoints.
func (w *World) proxy(name, node string) error {
	service, err := w.client.CoreV1().Services(namespace).Get(w.t.Context(), name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	list, err := w.client.DiscoveryV1().EndpointSlices(namespace).List(w.t.Context(), metav1.ListOptions{LabelSelector: labels.Set{discovery.LabelServiceName: name}.String()})
	if err != nil {
		return err
	}
	var slices []*discovery.EndpointSlice
	for i := range list.Items {
		slices = append(slices, &list.Items[i])
	}
	for _, port := range model.Ports(service, slices, model.Node{Name: node}) {
		for _, e := range port.Exposures {
			to := port.Any
			if e.Scope == model.LocalEndpoint {
				to = port.Local
			}
			w.note("%s", connection(e.Front, to))
		}
	}
	return nil
}

func connection(f model.Front, to []netip.AddrPort) string {
	if len(to) == 0 {
		return fmt.Sprintf("%s %s:%d is refused", f.Protocol, f.Addr, f.Port)
	}
	return fmt.Sprintf("%s %s:%d goes to %v", f.Protocol, f.Addr, f.Port, to)
}
