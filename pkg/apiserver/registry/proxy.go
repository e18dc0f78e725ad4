package registry

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/apimachinery/pkg/util/proxy"
	"k8s.io/apiserver/pkg/registry/rest"
)

// httpProxy passes requests on to a server that a name of the form [scheme:]name[:port] stands for.
func httpProxy(options func() runtime.Object, path func(runtime.Object) string, maxBytesPerSec int64, locate func(ctx context.Context, name string) (*url.URL, http.RoundTripper, error)) rest.Storage {
	return &connection{newOptions: options, path: true, methods: allMethods(),
		connect: func(ctx context.Context, name string, o runtime.Object, r rest.Responder) (http.Handler, error) {
			location, transport, err := locate(ctx, name)
			if err != nil {
				return nil, err
			}
			location.Path = utilnet.JoinPreservingTrailingSlash(location.Path, path(o))
			h := proxy.NewUpgradeAwareHandler(location, transport, true, false, proxy.NewErrorResponder(r))
			h.MaxBytesPerSec = maxBytesPerSec
			return h, nil
		}}
}

// locatePod finds a pod's address.
func (d *Dependencies) locatePod(transport http.RoundTripper) func(context.Context, string) (*url.URL, http.RoundTripper, error) {
	return func(ctx context.Context, id string) (*url.URL, http.RoundTripper, error) {
		scheme, name, port, ok := utilnet.SplitSchemeNamePort(id)
		if !ok {
			return nil, nil, apierrors.NewBadRequest(fmt.Sprintf("invalid pod request %q", id))
		}
		store, err := d.store("", "pods")
		if err != nil {
			return nil, nil, err
		}
		pod, err := read[*corev1.Pod](ctx, store, name)
		if err != nil {
			return nil, nil, err
		}
		if port == "" {
			port = firstPort(pod)
		}
		if err := proxyable(pod.Status.PodIP); err != nil {
			return nil, nil, err
		}
		return &url.URL{Scheme: scheme, Host: hostPort(pod.Status.PodIP, port)}, transport, nil
	}
}

// proxyable refuses addresses that are those of the server's own machine or its link: whoever may write a status must not
// gain what listens there.
func proxyable(address string) error {
	ip, err := netip.ParseAddr(address)
	if err != nil || !ip.Unmap().IsGlobalUnicast() {
		return apierrors.NewBadRequest("address not allowed")
	}
	return nil
}

func firstPort(pod *corev1.Pod) string {
	for _, c := range pod.Spec.Containers {
		if len(c.Ports) > 0 {
			return fmt.Sprint(c.Ports[0].ContainerPort)
		}
	}
	return ""
}

func hostPort(host, port string) string {
	if port == "" {
		if strings.Contains(host, ":") {
			return "[" + host + "]"
		}
		return host
	}
	return net.JoinHostPort(host, port)
}

// locateService finds the address of one of a service's ready endpoints, so that the server needs no service proxy.
func (d *Dependencies) locateService(transport http.RoundTripper) func(context.Context, string) (*url.URL, http.RoundTripper, error) {
	return func(ctx context.Context, id string) (*url.URL, http.RoundTripper, error) {
		scheme, name, port, ok := utilnet.SplitSchemeNamePort(id)
		if !ok {
			return nil, nil, apierrors.NewBadRequest(fmt.Sprintf("invalid service request %q", id))
		}
		store, err := d.store("", "services")
		if err != nil {
			return nil, nil, err
		}
		service, err := read[*corev1.Service](ctx, store, name)
		if err != nil {
			return nil, nil, err
		}
		portName, err := servicePort(service, port)
		if err != nil {
			return nil, nil, err
		}
		host, err := d.endpointOf(service, portName)
		if err != nil {
			return nil, nil, err
		}
		return &url.URL{Scheme: scheme, Host: host}, transport, nil
	}
}

// servicePort finds the name of a service's port by its name or number; the only port may be left out.
func servicePort(s *corev1.Service, port string) (string, error) {
	for _, p := range s.Spec.Ports {
		if port == "" && len(s.Spec.Ports) == 1 || port != "" && (p.Name == port || fmt.Sprint(p.Port) == port) {
			return p.Name, nil
		}
	}
	if port == "" {
		return "", nil
	}
	return "", apierrors.NewServiceUnavailable(fmt.Sprintf("no service port %q found for service %q", port, s.Name))
}

func (d *Dependencies) endpointOf(s *corev1.Service, port string) (string, error) {
	slices, err := d.slices(s)
	if err != nil {
		return "", err
	}
	var ready []string
	for _, slice := range slices {
		for _, p := range slice.Ports {
			if p.Port == nil || p.Name != nil && *p.Name != port {
				continue
			}
			for _, e := range slice.Endpoints {
				if (e.Conditions.Ready == nil || *e.Conditions.Ready) && proxyable(e.Addresses[0]) == nil {
					ready = append(ready, hostPort(e.Addresses[0], fmt.Sprint(*p.Port)))
				}
			}
		}
	}
	if len(ready) > 0 {
		return ready[rand.IntN(len(ready))], nil
	}
	return "", apierrors.NewServiceUnavailable(fmt.Sprintf("no endpoints available for service %q", s.Name))
}

func (d *Dependencies) slices(s *corev1.Service) ([]*discoveryv1.EndpointSlice, error) {
	objects, err := d.Informers.Discovery().V1().EndpointSlices().Informer().GetIndexer().ByIndex(byService, s.Namespace+"/"+s.Name)
	if err != nil {
		return nil, fmt.Errorf("look up endpoint slices of service %q: %w", s.Name, err)
	}
	out := make([]*discoveryv1.EndpointSlice, 0, len(objects))
	for _, o := range objects {
		out = append(out, o.(*discoveryv1.EndpointSlice))
	}
	return out, nil
}

// byService is the index of endpoint slices by the service that they belong to.
const byService = "proxy/service"

func indexByService(o any) ([]string, error) {
	slice, ok := o.(*discoveryv1.EndpointSlice)
	if !ok {
		return nil, fmt.Errorf("index endpoint slices: got a %T", o)
	}
	if service := slice.Labels[discoveryv1.LabelServiceName]; service != "" {
		return []string{slice.Namespace + "/" + service}, nil
	}
	return nil, nil
}

// locateNode finds a node's kubelet; with a port or scheme of the caller's, whatever listens there.
func (d *Dependencies) locateNode(insecure http.RoundTripper) func(context.Context, string) (*url.URL, http.RoundTripper, error) {
	return func(ctx context.Context, id string) (*url.URL, http.RoundTripper, error) {
		scheme, name, port, ok := utilnet.SplitSchemeNamePort(id)
		if !ok {
			return nil, nil, apierrors.NewBadRequest(fmt.Sprintf("invalid node request %q", id))
		}
		base, err := d.Kubelet.URL(ctx, name)
		if err != nil {
			return nil, nil, err
		}
		for _, address := range d.Kubelet.addressesOf(ctx, base.Hostname()) {
			if err := proxyable(address); err != nil {
				return nil, nil, err
			}
		}
		if port == "" || port == base.Port() {
			return base, d.Kubelet.proxied, nil
		}
		return &url.URL{Scheme: scheme, Host: net.JoinHostPort(base.Hostname(), port)}, insecure, nil
	}
}
