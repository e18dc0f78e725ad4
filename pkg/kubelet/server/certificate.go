package server

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"

	certificatesv1 "k8s.io/api/certificates/v1"
	v1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"
	certutil "k8s.io/client-go/util/cert"
	"k8s.io/client-go/util/certificate"
	"k8s.io/client-go/util/keyutil"
)

// GetCertificate is the source of the serving certificate in a tls.Config.
type GetCertificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)

// NewTLS makes the TLS configuration of the API. Client certificates are asked for but verified by the authenticator, so
// that other callers may bring tokens. minVersion and suites are those of crypto/tls; 0 and nil mean TLS 1.2 and Go's
// choice.
func NewTLS(get GetCertificate, minVersion uint16, suites []uint16) *tls.Config {
	if minVersion == 0 {
		minVersion = tls.VersionTLS12
	}
	return &tls.Config{GetCertificate: get, MinVersion: minVersion, CipherSuites: suites, ClientAuth: tls.RequestClientCert, NextProtos: []string{"h2", "http/1.1"}}
}

// FileCertificate serves a certificate from files and reads them again when they have changed, at the next handshake.
func FileCertificate(certFile, keyFile string) (GetCertificate, error) {
	f := &fileCertificate{certFile: certFile, keyFile: keyFile}
	if _, err := f.get(nil); err != nil {
		return nil, err
	}
	return f.get, nil
}

type fileCertificate struct {
	certFile, keyFile string

	mu        sync.Mutex
	cert, key []byte           // what current was made of; guarded by mu
	current   *tls.Certificate // guarded by mu
}

func (f *fileCertificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	cert, certErr := os.ReadFile(f.certFile)
	key, keyErr := os.ReadFile(f.keyFile)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.current != nil && bytes.Equal(cert, f.cert) && bytes.Equal(key, f.key) {
		return f.current, nil
	}
	if err := errors.Join(certErr, keyErr); err != nil {
		return f.keep(fmt.Errorf("read serving certificate: %w", err))
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return f.keep(fmt.Errorf("load serving certificate: %w", err))
	}
	f.current, f.cert, f.key = &pair, cert, key
	return f.current, nil
}

// keep goes on with the certificate at hand when the files are being replaced; without one the error stands.
func (f *fileCertificate) keep(err error) (*tls.Certificate, error) {
	if f.current != nil {
		return f.current, nil
	}
	return nil, err
}

// SelfSigned serves the certificate in dir (kubelet.crt, kubelet.key), making one for the host and its addresses if there
// is none that is usable.
func SelfSigned(dir, hostname string, ips []net.IP) (GetCertificate, error) {
	certFile, keyFile := filepath.Join(dir, "kubelet.crt"), filepath.Join(dir, "kubelet.key")
	if usable, err := certutil.CanReadCertAndKey(certFile, keyFile); err == nil && usable {
		return FileCertificate(certFile, keyFile)
	}
	cert, key, err := certutil.GenerateSelfSignedCertKey(hostname, ips, nil)
	if err != nil {
		return nil, fmt.Errorf("make self-signed certificate: %w", err)
	}
	if err := certutil.WriteCert(certFile, cert); err != nil {
		return nil, fmt.Errorf("write self-signed certificate: %w", err)
	}
	if err := keyutil.WriteKey(keyFile, key); err != nil {
		return nil, fmt.Errorf("write key of self-signed certificate: %w", err)
	}
	return FileCertificate(certFile, keyFile)
}

// RotationConfig is for a serving certificate that the cluster signs (--rotate-server-certificates).
type RotationConfig struct {
	Client   kubernetes.Interface
	NodeName string
	// Dir holds the certificates; CertFile and KeyFile, if set, the first one.
	Dir, CertFile, KeyFile string
	// Addresses gives the node's addresses, for which the certificate is made. While it gives none, none is requested.
	Addresses func() []v1.NodeAddress
}

// NewRotating makes a manager that requests serving certificates by CertificateSigningRequest and renews them before they
// expire. The caller calls its Start and Stop; its certificate is served by Rotating.
func NewRotating(cfg RotationConfig) (certificate.Manager, error) {
	store, err := certificate.NewFileStore("kubelet-server", cfg.Dir, cfg.Dir, cfg.CertFile, cfg.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("open store of serving certificates: %w", err)
	}
	manager, err := certificate.NewManager(&certificate.Config{
		ClientsetFn:      func(*tls.Certificate) (kubernetes.Interface, error) { return cfg.Client, nil },
		GetTemplate:      func() *x509.CertificateRequest { return servingRequest(cfg.NodeName, cfg.Addresses()) },
		SignerName:       certificatesv1.KubeletServingSignerName,
		GetUsages:        certificate.DefaultKubeletServingGetUsages,
		CertificateStore: store,
	})
	if err != nil {
		return nil, fmt.Errorf("make manager of serving certificates: %w", err)
	}
	return manager, nil
}

// Rotating serves the newest certificate of a manager.
func Rotating(manager certificate.Manager) GetCertificate {
	return func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		if current := manager.Current(); current != nil {
			return current, nil
		}
		return nil, errors.New("no serving certificate available for the kubelet")
	}
}

// servingRequest is what the certificate is to say; nil while the node has no address, for signers want at least one.
func servingRequest(nodeName string, addresses []v1.NodeAddress) *x509.CertificateRequest {
	request := &x509.CertificateRequest{
		Subject: pkix.Name{CommonName: "system:node:" + nodeName, Organization: []string{"system:nodes"}},
	}
	for _, address := range addresses {
		switch address.Type {
		case v1.NodeHostName, v1.NodeInternalDNS, v1.NodeExternalDNS:
			if ip := net.ParseIP(address.Address); ip != nil {
				request.IPAddresses = append(request.IPAddresses, ip)
			} else {
				request.DNSNames = append(request.DNSNames, address.Address)
			}
		case v1.NodeInternalIP, v1.NodeExternalIP:
			if ip := net.ParseIP(address.Address); ip != nil {
				request.IPAddresses = append(request.IPAddresses, ip)
			}
		}
	}
	if len(request.DNSNames)+len(request.IPAddresses) == 0 {
		return nil
	}
	return request
}
