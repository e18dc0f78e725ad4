package registry

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strconv"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/cache"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/transport"
	"k8s.io/klog/v2"

	"github.com/proa-sh/proa/pkg/apiserver/options"
)

// KubeletConnection knows how to reach the kubelet of a node.
type KubeletConnection struct {
	nodes     corelisters.NodeLister
	addresses []corev1.NodeAddressType // the preferred one first
	transport http.RoundTripper        // HTTP/1.1, since connections are upgraded
	proxied   http.RoundTripper        // the same for nodes/proxy, which reaches no address of this machine itself
	resolved  *resolved
	// MaxBytesPerSec bounds what one connection of a client carries, here and to pods and services; 0 is no bound.
	MaxBytesPerSec int64
}

// dialTimeout bounds the time to connect to a node, pod or service.
const dialTimeout = 30 * time.Second

// NewKubeletConnection reads the certificates that the options name.
func NewKubeletConnection(o options.Kubelet, nodes corelisters.NodeLister) (*KubeletConnection, error) {
	for _, file := range []string{o.CertificateAuthority, o.ClientCertificate, o.ClientKey} {
		if file == "" {
			continue
		}
		if _, err := os.Stat(file); err != nil {
			return nil, fmt.Errorf("read certificates for kubelets: %w", err)
		}
	}
	config := transport.Config{
		TLS: transport.TLSConfig{
			CAFile: o.CertificateAuthority, CertFile: o.ClientCertificate, KeyFile: o.ClientKey, ReloadTLSFiles: true,
			// As documented for --kubelet-certificate-authority.
			Insecure: o.CertificateAuthority == "",
			// SPDY and WebSocket upgrades exist in HTTP/1.1 only.
			NextProtos: []string{"http/1.1"},
		},
		DialHolder: &transport.DialHolder{Dial: (&net.Dialer{Timeout: dialTimeout}).DialContext},
	}
	k := &KubeletConnection{nodes: nodes, resolved: newResolved(net.DefaultResolver.LookupHost)}
	var err error
	if k.transport, err = transport.New(&config); err != nil {
		return nil, fmt.Errorf("connect to kubelets: %w", err)
	}
	config.DialHolder = &transport.DialHolder{Dial: guarded().DialContext}
	if k.proxied, err = transport.New(&config); err != nil {
		return nil, fmt.Errorf("connect to kubelets: %w", err)
	}
	for _, a := range o.PreferredAddressTypes {
		k.addresses = append(k.addresses, corev1.NodeAddressType(a))
	}
	return k, nil
}

// URL returns the root of a node's kubelet API.
func (k *KubeletConnection) URL(ctx context.Context, name string) (*url.URL, error) {
	node, err := k.nodes.Get(name)
	if err != nil {
		return nil, err
	}
	port := int(node.Status.DaemonEndpoints.KubeletEndpoint.Port)
	if port == 0 {
		port = 10250
	}
	for _, t := range k.addresses {
		i := slices.IndexFunc(node.Status.Addresses, func(a corev1.NodeAddress) bool { return a.Type == t && k.reachable(ctx, a) })
		if i >= 0 {
			return &url.URL{Scheme: "https", Host: net.JoinHostPort(node.Status.Addresses[i].Address, strconv.Itoa(port))}, nil
		}
	}
	return nil, apierrors.NewServiceUnavailable(fmt.Sprintf("node %q has no address of the types %v", name, k.addresses))
}

// reachable leaves out host names that do not resolve here: a node's name is often known to itself alone.
func (k *KubeletConnection) reachable(ctx context.Context, a corev1.NodeAddress) bool {
	if a.Type != corev1.NodeHostName && a.Type != corev1.NodeInternalDNS && a.Type != corev1.NodeExternalDNS {
		return true
	}
	return len(k.resolved.addresses(ctx, a.Address)) > 0
}

// addressesOf returns the addresses of a host in a URL, which may be one itself.
func (k *KubeletConnection) addressesOf(ctx context.Context, host string) []string {
	if _, err := netip.ParseAddr(host); err == nil {
		return []string{host}
	}
	return k.resolved.addresses(ctx, host)
}

// Resolved names: how long a slow name server is waited for, and how long and of how many names the answer is remembered,
// be it that there is none.
const (
	lookupTimeout = time.Second
	lookupTTL     = 30 * time.Second
	lookupNames   = 10_000
)

// resolved knows the addresses of host names.
type resolved struct {
	lookup func(context.Context, string) ([]string, error)
	known  *cache.LRUExpireCache
}

func newResolved(lookup func(context.Context, string) ([]string, error)) *resolved {
	return &resolved{lookup, cache.NewLRUExpireCache(lookupNames)}
}

// addresses returns those of a host name, none if it has none or nobody says so in time.
func (r *resolved) addresses(ctx context.Context, host string) []string {
	if known, ok := r.known.Get(host); ok {
		return known.([]string)
	}
	bounded, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	addresses, err := r.lookup(bounded, host)
	if err != nil {
		klog.FromContext(ctx).V(4).Info("A node's host name does not resolve", "host", host, "err", err)
		addresses = nil
	}
	if ctx.Err() == nil { // else it is the client who did not wait
		r.known.Add(host, addresses, lookupTTL)
	}
	return addresses
}

// guarded dials only what [proxyable] allows, whatever a name resolves to by then.
func guarded() *net.Dialer {
	return &net.Dialer{Timeout: dialTimeout, Control: func(_, address string, _ syscall.RawConn) error {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return err
		}
		return proxyable(host)
	}}
}

// insecureTransport reaches pods, services and other ports of nodes, whose certificates nobody vouches for.
func insecureTransport() (http.RoundTripper, error) {
	config := &rest.Config{TLSClientConfig: rest.TLSClientConfig{Insecure: true, NextProtos: []string{"http/1.1"}}, Dial: guarded().DialContext}
	return rest.TransportFor(config)
}
