package binaries

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// authority signs certificates, as `openssl ca` would.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  crypto.Signer
	// certFile and keyFile are in PEM.
	certFile, keyFile string
}

// pair is a certificate and its key in PEM files.
type pair struct{ cert, key string }

func newAuthority(t *testing.T, dir, name string) *authority {
	t.Helper()
	key := newKey(t)
	template := certificate(name)
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature
	a := &authority{t: t, dir: dir, cert: template, key: key}
	files := a.sign(name, template, key)
	a.certFile, a.keyFile = files.cert, files.key
	return a
}

func certificate(name string, groups ...string) *x509.Certificate {
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		panic(err) // crypto/rand does not fail
	}
	return &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name, Organization: groups},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
	}
}

func newKey(t *testing.T) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// sign writes the certificate and its key.
func (a *authority) sign(file string, template *x509.Certificate, key crypto.Signer) pair {
	a.t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	p := pair{filepath.Join(a.dir, file+".crt"), filepath.Join(a.dir, file+".key")}
	writePEM(a.t, p.cert, "CERTIFICATE", der)
	writeKey(a.t, p.key, key)
	if a.cert == template {
		if a.cert, err = x509.ParseCertificate(der); err != nil {
			a.t.Fatal(err)
		}
	}
	return p
}

// server makes a serving certificate.
func (a *authority) server(file string, names []string, addresses ...net.IP) pair {
	a.t.Helper()
	template := certificate(file)
	template.DNSNames, template.IPAddresses = names, addresses
	// etcd uses its own also to call itself.
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	return a.sign(file, template, newKey(a.t))
}

// client makes the certificate of a user in groups.
func (a *authority) client(file, user string, groups ...string) pair {
	a.t.Helper()
	template := certificate(user, groups...)
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	return a.sign(file, template, newKey(a.t))
}

// serviceAccountKeys are the pair by which tokens are signed and verified.
func serviceAccountKeys(t *testing.T, dir string) (private, public string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	private, public = filepath.Join(dir, "sa.key"), filepath.Join(dir, "sa.pub")
	writeKey(t, private, key)
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, public, "PUBLIC KEY", der)
	return private, public
}

func writeKey(t *testing.T, path string, key crypto.Signer) {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, path, "PRIVATE KEY", der)
}

func writePEM(t *testing.T, path, kind string, der []byte) {
	t.Helper()
	write(t, path, string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})))
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// kubeconfig writes a kubeconfig of the user with that certificate.
func (a *authority) kubeconfig(path, server string, user pair) string {
	a.t.Helper()
	encode := func(file string) string {
		data, err := os.ReadFile(file)
		if err != nil {
			a.t.Fatal(err)
		}
		return base64.StdEncoding.EncodeToString(data)
	}
	credentials := "client-certificate-data: " + encode(user.cert) + "\n    client-key-data: " + encode(user.key)
	write(a.t, path, kubeconfig(server, encode(a.certFile), credentials))
	return path
}

func kubeconfig(server, ca, credentials string) string {
	return `apiVersion: v1
kind: Config
clusters:
- name: cluster
  cluster:
    server: ` + server + `
    certificate-authority-data: ` + ca + `
users:
- name: user
  user:
    ` + credentials + `
contexts:
- name: context
  context: {cluster: cluster, user: user}
current-context: context
`
}
