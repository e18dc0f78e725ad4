package server

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apiserver/pkg/authorization/authorizer"
)

func listen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return listener
}

// TestRun serves with a self-signed certificate and ends although a client follows a log.
func TestRun(t *testing.T) {
	dir := t.TempDir()
	certificate, err := SelfSigned(dir, "n1", []net.IP{net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	logs := t.TempDir()
	runtime, _ := loggingRuntime(t, logs)
	main, health := listen(t), listen(t)
	s, err := New(Config{
		NodeName: "n1", Listener: main, TLS: NewTLS(certificate, 0, nil), Healthz: health, Streaming: true, PodLogs: logs,
		Authenticator: byName, Authorizer: authorizer.AuthorizerFunc(everyone), Pods: podSet{runningPod()}, Runtime: runtime,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	authority, err := os.ReadFile(filepath.Join(dir, "kubelet.crt"))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(authority)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: named{transport}}
	response, err := client.Get("https://" + main.Addr().String() + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK || response.ProtoMajor != 2 {
		t.Errorf("HTTPS: %s %s", response.Proto, response.Status)
	}
	if response, err = http.Get("http://" + health.Addr().String() + "/healthz"); err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Errorf("health on loopback: %s", response.Status)
	}
	if response, err = http.Get("http://" + health.Addr().String() + "/pods"); err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusNotFound {
		t.Errorf("pods without authentication: %s", response.Status)
	}
	follow, err := client.Get("https://" + main.Addr().String() + "/containerLogs/ns/p/c?follow=true&tailLines=0")
	if err != nil {
		t.Fatal(err)
	}
	defer follow.Body.Close()
	cancel()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("Run did not end")
	}
	// How the stream ends depends on the moment; that it ends is what counts.
	_, _ = io.ReadAll(follow.Body)
}

func TestFileCertificateFollowsItsFiles(t *testing.T) {
	dir := t.TempDir()
	get, err := SelfSigned(dir, "one", nil)
	if err != nil {
		t.Fatal(err)
	}
	first, err := get(nil)
	if err != nil {
		t.Fatal(err)
	}
	again, err := SelfSigned(dir, "other", nil)
	if err != nil {
		t.Fatal(err)
	}
	if same, err := again(nil); err != nil || !same.Leaf.Equal(first.Leaf) {
		t.Errorf("a usable certificate was replaced: %v", err)
	}
	other := t.TempDir()
	if _, err := SelfSigned(other, "two", nil); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"kubelet.crt", "kubelet.key"} {
		data, err := os.ReadFile(filepath.Join(other, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
		// Between the two files the pair does not fit; the old one is served.
		if _, err := get(nil); err != nil {
			t.Error(err)
		}
	}
	second, err := get(nil)
	if err != nil || second.Leaf.Equal(first.Leaf) {
		t.Errorf("the new certificate is not served: %v", err)
	}
	if _, err := FileCertificate(filepath.Join(dir, "none"), filepath.Join(dir, "none")); err == nil {
		t.Error("files that are missing were accepted")
	}
}

func TestServingRequest(t *testing.T) {
	got := servingRequest("n1", []v1.NodeAddress{
		{Type: v1.NodeInternalIP, Address: "10.0.0.1"}, {Type: v1.NodeHostName, Address: "n1"}, {Type: v1.NodeInternalDNS, Address: "10.0.0.2"},
	})
	if diff := cmp.Diff([]string{"n1"}, got.DNSNames); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]net.IP{net.ParseIP("10.0.0.1"), net.ParseIP("10.0.0.2")}, got.IPAddresses); diff != "" {
		t.Errorf("addresses (-want +got):\n%s", diff)
	}
	if got.Subject.CommonName != "system:node:n1" || got.Subject.Organization[0] != "system:nodes" {
		t.Errorf("subject %v", got.Subject)
	}
	if servingRequest("n1", nil) != nil {
		t.Error("a certificate without address would be requested")
	}
}
