package identity

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	certificates "k8s.io/api/certificates/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/util/keyutil"

	"github.com/proa-sh/proa/pkg/component"
)

// authority signs client certificates.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  crypto.Signer
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{t: t, key: key, cert: &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ca"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}}
}

func (a *authority) sign(public crypto.PublicKey, subject pkix.Name, until time.Time) []byte {
	a.t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: subject, NotBefore: time.Now().Add(-time.Hour), NotAfter: until,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, a.cert, public, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// pair makes a key and its certificate in PEM.
func (a *authority) pair(name string, until time.Time) (cert, key []byte) {
	a.t.Helper()
	key, err := newKey()
	if err != nil {
		a.t.Fatal(err)
	}
	parsed, err := keyutil.ParsePrivateKeyPEM(key)
	if err != nil {
		a.t.Fatal(err)
	}
	return a.sign(parsed.(crypto.Signer).Public(), pkix.Name{CommonName: name}, until), key
}

// approve signs the first request that comes, as the cluster's signer would.
func (a *authority) approve(ctx context.Context, client kubernetes.Interface) error {
	requests := client.CertificatesV1().CertificateSigningRequests()
	w, err := requests.Watch(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	defer w.Stop()
	list, err := requests.List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	var found *certificates.CertificateSigningRequest
	if len(list.Items) > 0 {
		found = &list.Items[0]
	}
	for found == nil {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case e := <-w.ResultChan():
			found, _ = e.Object.(*certificates.CertificateSigningRequest)
		}
	}
	block, _ := pem.Decode(found.Spec.Request)
	request, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return err
	}
	found = found.DeepCopy()
	found.Status.Conditions = []certificates.CertificateSigningRequestCondition{{Type: certificates.CertificateApproved, Status: v1.ConditionTrue}}
	found.Status.Certificate = a.sign(request.PublicKey, request.Subject, time.Now().Add(time.Hour))
	_, err = requests.UpdateStatus(ctx, found, metav1.UpdateOptions{})
	return err
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

const bootstrapFile = `apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "https://example.org", certificate-authority: ca.crt}}]
users: [{name: u, user: {token: abcdef.0123456789abcdef}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
current-context: x
`

// TestRequest: a kubelet that is stopped while it waits asks for the same again; the certificate is stored with its key,
// and the kubeconfig refers to it.
func TestRequest(t *testing.T) {
	dir := t.TempDir()
	cfg := Config{Kubeconfig: filepath.Join(dir, "kubelet.conf"), Bootstrap: filepath.Join(dir, "bootstrap.conf"), Dir: filepath.Join(dir, "pki"), NodeName: "n1"}
	writeFile(t, cfg.Bootstrap, bootstrapFile)
	a := newAuthority(t)
	caCert, _ := a.pair("ca", time.Now().Add(time.Hour))
	writeFile(t, filepath.Join(dir, "ca.crt"), string(caCert))
	if err := cfg.unusable(time.Now()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("before: unusable because of %v", err)
	}
	client := fake.NewClientset()
	impatient, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	if err := request(impatient, client, cfg); err == nil {
		t.Fatal("a request that nobody has approved gave a certificate")
	}
	approved := make(chan error, 1)
	go func() { approved <- a.approve(t.Context(), client) }()
	if err := errors.Join(request(t.Context(), client, cfg), <-approved, writeKubeconfig(cfg)); err != nil {
		t.Fatal(err)
	}
	list, err := client.CertificatesV1().CertificateSigningRequests().List(t.Context(), metav1.ListOptions{})
	if err != nil || len(list.Items) != 1 {
		t.Fatalf("%d requests, error %v", len(list.Items), err)
	}
	spec := list.Items[0].Spec
	if diff := cmp.Diff([]certificates.KeyUsage{certificates.UsageDigitalSignature, certificates.UsageClientAuth}, spec.Usages); diff != "" || spec.SignerName != "kubernetes.io/kube-apiserver-client-kubelet" {
		t.Errorf("asked signer %s for usages (-want +got):\n%s", spec.SignerName, diff)
	}
	config, err := clientcmd.BuildConfigFromFlags("", cfg.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(config.CertFile, config.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	got := []string{leaf.Subject.CommonName, leaf.Subject.Organization[0], config.Host, config.CAFile, config.BearerToken}
	if diff := cmp.Diff([]string{"system:node:n1", "system:nodes", "https://example.org", filepath.Join(dir, "ca.crt"), ""}, got); diff != "" {
		t.Errorf("identity (-want +got):\n%s", diff)
	}
	if _, err := os.Stat(filepath.Join(cfg.Dir, keyName)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the waiting key is still there: %v", err)
	}
	if err := cfg.unusable(time.Now()); err != nil {
		t.Errorf("after: unusable because of %v", err)
	}
	if err := cfg.unusable(time.Now().Add(2 * time.Hour)); err == nil {
		t.Error("an expired certificate counts as usable")
	}
}

// TestRotation: a connection shows the certificate of the kubeconfig, and after an update the new one, at once.
func TestRotation(t *testing.T) {
	a := newAuthority(t)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.TLS.PeerCertificates[0].Subject.CommonName)
	}))
	server.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	server.StartTLS()
	defer server.Close()
	dir := t.TempDir()
	cfg := Config{Kubeconfig: filepath.Join(dir, "kubelet.conf"), Dir: filepath.Join(dir, "pki"), NodeName: "n1"}
	oldCert, oldKey := a.pair("old", time.Now().Add(time.Hour))
	writeFile(t, filepath.Join(dir, "c.crt"), string(oldCert))
	writeFile(t, filepath.Join(dir, "c.key"), string(oldKey))
	writeFile(t, filepath.Join(dir, "ca.crt"), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))
	writeFile(t, cfg.Kubeconfig, `apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "`+server.URL+`", certificate-authority: ca.crt}}]
users: [{name: u, user: {client-certificate: c.crt, client-key: c.key}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
current-context: x
`)
	if err := os.Mkdir(cfg.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	config, err := component.ClientConfig("", cfg.Kubeconfig, userAgent)
	if err != nil {
		t.Fatal(err)
	}
	following, rotation, err := rotating(cfg, config)
	if err != nil {
		t.Fatal(err)
	}
	ask := func() string {
		t.Helper()
		client, err := kubernetes.NewForConfig(following)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := client.RESTClient().Get().AbsPath("/").DoRaw(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return string(answer)
	}
	if got := ask(); got != "old" {
		t.Errorf("before: the server saw %q", got)
	}
	newCert, newKey := a.pair("new", time.Now().Add(time.Hour))
	if _, err := rotation.store.Update(newCert, newKey); err != nil {
		t.Fatal(err)
	}
	if got := ask(); got != "new" {
		t.Errorf("after: the server saw %q", got)
	}
}
