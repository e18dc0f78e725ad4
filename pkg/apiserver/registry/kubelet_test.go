package registry

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/proxy"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	corelisters "k8s.io/client-go/listers/core/v1"

	"github.com/proa-sh/proa/pkg/apiserver/options"
)

// nodeLister knows a node by its addresses, hostnames being of type Hostname.
func nodeLister(t *testing.T, name string, addresses ...string) corelisters.NodeLister {
	t.Helper()
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}
	for _, a := range addresses {
		kind := corev1.NodeInternalIP
		if _, err := netip.ParseAddr(a); err != nil {
			kind = corev1.NodeHostName
		}
		node.Status.Addresses = append(node.Status.Addresses, corev1.NodeAddress{Type: kind, Address: a})
	}
	nodes := informers.NewSharedInformerFactory(fake.NewClientset(), 0).Core().V1().Nodes()
	if err := nodes.Informer().GetIndexer().Add(node); err != nil {
		t.Fatal(err)
	}
	return nodes.Lister()
}

func newKubelet(t *testing.T, nodes corelisters.NodeLister) *KubeletConnection {
	t.Helper()
	k, err := NewKubeletConnection(options.Kubelet{PreferredAddressTypes: []string{"Hostname", "InternalIP"}}, nodes)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// TestNodeProxyAddresses asks for kubelets at addresses that a node's status may claim, and that mean this machine.
func TestNodeProxyAddresses(t *testing.T) {
	for _, c := range []struct {
		address, resolves string
		allowed           bool
	}{
		{"192.0.2.7", "", true},
		{"2001:db8::7", "", true},
		{"127.0.0.1", "", false},
		{"127.8.9.10", "", false},
		{"::1", "", false},
		{"::ffff:127.0.0.1", "", false},
		{"169.254.169.254", "", false},
		{"fe80::1", "", false},
		{"0.0.0.0", "", false},
		{"::", "", false},
		{"224.0.0.1", "", false},
		{"node.example.org", "192.0.2.7", true},
		{"node.example.org", "127.0.0.1", false},
		{"localhost", "::1", false},
	} {
		k := newKubelet(t, nodeLister(t, "n", c.address))
		k.resolved = newResolved(func(context.Context, string) ([]string, error) { return []string{c.resolves}, nil })
		d := &Dependencies{Kubelet: k}
		for _, id := range []string{"n", "n:10250", "https:n:2379", "http:n:8080"} {
			_, _, err := d.locateNode(http.DefaultTransport)(t.Context(), id)
			if (err == nil) != c.allowed || err != nil && !(apierrors.IsBadRequest(err) && strings.Contains(err.Error(), "address not allowed")) {
				t.Errorf("proxy to %s at %s %s: got %v, want allowed: %v", id, c.address, c.resolves, err, c.allowed)
			}
		}
	}
}

// TestGuardedTransports lets a name resolve to this machine only when it is dialled, after the look at it.
func TestGuardedTransports(t *testing.T) {
	reached := false
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	defer server.Close()
	insecure, err := insecureTransport()
	if err != nil {
		t.Fatal(err)
	}
	local, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	for name, transport := range map[string]http.RoundTripper{"other ports": insecure, "kubelet": newKubelet(t, nodeLister(t, "n")).proxied} {
		for _, host := range []string{"127.0.0.1", "localhost"} {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+net.JoinHostPort(host, local.Port()), nil)
			if err != nil {
				t.Fatal(err)
			}
			if response, err := transport.RoundTrip(r); err == nil || !strings.Contains(err.Error(), "address not allowed") {
				if err == nil {
					response.Body.Close()
				}
				t.Errorf("%s at %s: got %v", name, host, err)
			}
		}
	}
	if reached {
		t.Error("a server on this machine was reached")
	}
}

// TestSlowNameServer looks for a kubelet while the name server does not answer.
func TestSlowNameServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKubelet(t, nodeLister(t, "n", "n.example.org", "192.0.2.7"))
		asked := 0
		k.resolved = newResolved(func(ctx context.Context, _ string) ([]string, error) {
			asked++
			<-ctx.Done()
			return nil, ctx.Err()
		})
		for i, want := range []time.Duration{lookupTimeout, 0} {
			start := time.Now()
			if got, err := k.URL(t.Context(), "n"); err != nil || got.Host != "192.0.2.7:10250" || time.Since(start) != want {
				t.Errorf("request %d: got %v, %v after %s, want after %s", i, got, err, time.Since(start), want)
			}
		}
		if asked != 1 {
			t.Errorf("the name server was asked %d times", asked)
		}
	})
}

// TestBandwidth checks that the bound of a connection reaches whatever carries one.
func TestBandwidth(t *testing.T) {
	const bound = 4096
	k := &KubeletConnection{MaxBytesPerSec: bound}
	location := &url.URL{Scheme: "https", Host: "192.0.2.7:10250"}
	if h := upgraded(location, k, nil); h.MaxBytesPerSec != bound {
		t.Errorf("streams: %d", h.MaxBytesPerSec)
	}
	storage := httpProxy(nil, func(runtime.Object) string { return "" }, bound, func(context.Context, string) (*url.URL, http.RoundTripper, error) {
		return location, http.DefaultTransport, nil
	})
	h, err := storage.(*connection).Connect(t.Context(), "n", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if h.(*proxy.UpgradeAwareHandler).MaxBytesPerSec != bound {
		t.Errorf("proxies: %v", h)
	}
}
