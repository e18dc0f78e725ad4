package pki

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/client-go/tools/clientcmd"
)

// TestNothingEnds: over many lives of certificates, with a disk that fails now and then, everybody who reads the files has a valid
// certificate at every moment.
func TestNothingEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := config(t.TempDir(), time.Time{})
		cfg.Now, cfg.Life = time.Now, 4*time.Hour
		set := ensure(t, cfg)
		node, err := set.EnsureNode(filepath.Join(t.TempDir(), "node"), "node-2", nil, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		serve, err := node.Serving(KubeletServer)
		if err != nil {
			t.Fatal(err)
		}
		kubeconfig := filepath.Join(t.TempDir(), "kubelet.conf")
		if err := node.WriteComponentKubeconfig(kubeconfig, "proa", "https://127.0.0.1:6443", Kubelet); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		renewals, failures, ended := 0, 0, make(chan struct{})
		go func() {
			defer close(ended)
			renew := func() error {
				if renewals++; renewals%5 == 2 {
					return errors.New("disk is full")
				}
				_, err := Ensure(cfg)
				_, nodeErr := set.EnsureNode(node.dir, "node-2", nil, time.Now())
				return errors.Join(err, nodeErr)
			}
			Renewal{Due: func() (time.Time, error) { return earliest(set, node) }, Renew: renew, Failed: func(error) { failures++ }}.Keep(ctx)
		}()
		const samples = 96
		for range samples {
			time.Sleep(30 * time.Minute)
			synctest.Wait()
			served, err := serve(nil)
			if err != nil {
				t.Fatal(err)
			}
			for name, raw := range map[string][]byte{"kubelet's server": served.Certificate[0], "client of the kubelet": clientCertificate(t, kubeconfig)} {
				wantValid(t, name, raw)
			}
			api, err := readCertificate(set.Cert(APIServer))
			if err != nil {
				t.Fatal(err)
			}
			wantValid(t, "API server", api.Raw)
		}
		cancel()
		<-ended
		// 48 hours in lives of 4, each to three quarters.
		if renewals < 16 || renewals > 30 || failures == 0 {
			t.Errorf("%d renewals, %d failures", renewals, failures)
		}
	})
}

func earliest(a, b Set) (time.Time, error) {
	x, errX := a.Due()
	y, errY := b.Due()
	return earlier(x, y), errors.Join(errX, errY)
}

// clientCertificate is what a client with the kubeconfig sends now, as client-go reads it again and again.
func clientCertificate(t *testing.T, kubeconfig string) []byte {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	if len(config.CertData) > 0 {
		t.Fatal("the certificate is in the kubeconfig, so clients keep the one that they have read first")
	}
	pair, err := tls.LoadX509KeyPair(config.CertFile, config.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	return pair.Certificate[0]
}

func wantValid(t *testing.T, name string, raw []byte) {
	t.Helper()
	cert, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	if now := time.Now(); now.After(cert.NotAfter) || now.Before(cert.NotBefore) {
		t.Errorf("%v: the certificate of the %s is from %v to %v", now, name, cert.NotBefore, cert.NotAfter)
	}
}
