package server

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/spdy"
)

// TestIdleStreamEnds opens a stream over TLS on which nothing moves.
func TestIdleStreamEnds(t *testing.T) {
	certificate, err := SelfSigned(t.TempDir(), "n1", []net.IP{net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	listener := listen(t)
	s, err := New(Config{
		NodeName: "n1", Listener: listener, TLS: NewTLS(certificate, 0, nil), Streaming: true, IdleTimeout: 200 * time.Millisecond,
		Authenticator: byName, Authorizer: authorizer.AuthorizerFunc(everyone), Pods: podSet{runningPod()}, Runtime: streamingRuntime(t),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	config := &rest.Config{
		Host: "https://" + listener.Addr().String(), TLSClientConfig: rest.TLSClientConfig{Insecure: true},
		WrapTransport: func(rt http.RoundTripper) http.RoundTripper { return named{rt} },
	}
	transport, upgrader, err := spdy.RoundTripperFor(config)
	if err != nil {
		t.Fatal(err)
	}
	address := &url.URL{Scheme: "https", Host: listener.Addr().String(), Path: "/portForward/ns/p"}
	connection, _, err := spdy.NewDialer(upgrader, &http.Client{Transport: transport}, http.MethodPost, address).Dial(portforward.PortForwardProtocolV1Name)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	headers := http.Header{}
	headers.Set(v1.PortHeader, "8080")
	headers.Set(v1.PortForwardRequestIDHeader, "0")
	headers.Set(v1.StreamType, v1.StreamTypeError)
	if _, err := connection.CreateStream(headers); err != nil {
		t.Fatal(err)
	}
	select {
	case <-connection.CloseChan():
	case <-time.After(10 * time.Second):
		t.Error("an idle stream was kept open")
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
