package registry

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/transport"

	"github.com/proa-sh/proa/pkg/apiserver/options"
)

// KubeletConnection knows how to reach the kubelet of a node.
type KubeletConnection struct {
	nodes     corelisters.NodeLister
	addresses []corev1.NodeAddressType // the preferred one first
	transport http.RoundTripper        // HTTP/1.1, since connections are upgraded
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
	config := &transport.Config{
		TLS: transport.TLSConfig{
			CAFile: o.CertificateAuthority, CertFile: o.ClientCertificate, KeyFile: o.ClientKey, ReloadTLSFiles: true,
			// As documented for --kubelet-certificate-authority.
			Insecure: o.CertificateAuthority == "",
			// SPDY and WebSocket upgrades exist in HTTP/1.1 only.
			NextProtos: []string{"http/1.1"},
		},
		DialHolder: &transport.DialHolder{Dial: (&net.Dialer{Timeout: dialTimeout}).DialContext},
	}
	t, err := transport.New(config)
	if err != nil {
		return nil, fmt.Errorf("connect to kubelets: %w", err)
	}
	k := &KubeletConnection{nodes: nodes, transport: t}
	for _, a := range o.PreferredAddressTypes {
		k.addresses = append(k.addresses, corev1.NodeAddressType(a))
	}
	return k, nil
}

// URL returns the root of a node's kubelet API.
func (k *KubeletConnection) URL(_ context.Context, name string) (*url.URL, error) {
	node, err := k.nodes.Get(name)
	if err != nil {
		return nil, err
	}
	port := int(node.Status.DaemonEndpoints.KubeletEndpoint.Port)
	if port == 0 {
		port = 10250
	}
	for _, t := range k.addresses {
		i := slices.IndexFunc(node.Status.Addresses, func(a corev1.NodeAddress) bool { return a.Type == t && reachable(a) })
		if i >= 0 {
			return &url.URL{Scheme: "https", Host: net.JoinHostPort(node.Status.Addresses[i].Address, strconv.Itoa(port))}, nil
		}
	}
	return nil, apierrors.NewServiceUnavailable(fmt.Sprintf("node %q has no address of the types %v", name, k.addresses))
}

// reachable leaves out host names that do not resolve here: a node's name is often known to itself alone.
func reachable(a corev1.NodeAddress) bool {
	if a.Type != corev1.NodeHostName && a.Type != corev1.NodeInternalDNS && a.Type != corev1.NodeExternalDNS {
		return true
	}
	_, err := net.LookupHost(a.Address)
	return err == nil
}

// insecureTransport reaches pods and services, whose certificates nobody vouches for.
func insecureTransport() (http.RoundTripper, error) {
	config := &rest.Config{TLSClientConfig: rest.TLSClientConfig{Insecure: true, NextProtos: []string{"http/1.1"}}}
	return rest.TransportFor(config)
}
