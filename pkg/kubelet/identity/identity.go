package identity

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	certificates "k8s.io/api/certificates/v1"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/certificate"
	"k8s.io/client-go/util/connrotation"

	"github.com/proa-sh/proa/pkg/component"
)

// Config says where identities come from.
type Config struct {
	// Kubeconfig is the kubelet's own. With Bootstrap it is written if it is missing or its certificate has expired.
	Kubeconfig string
	// Bootstrap is a kubeconfig with which nothing but a certificate can be asked for; empty for none.
	Bootstrap string
	// Dir holds certificates (--cert-dir).
	Dir      string
	NodeName string
	// Rotate renews the certificate.
	Rotate bool
}

// userAgent is added to that of the libraries.
const userAgent = "kubelet"

// pairName starts the names of the files; the newest is <Dir>/kubelet-client-current.pem.
const pairName = "kubelet-client"

// Load returns the connection to the API server, and what renews its certificate, nil for nothing. With a bootstrap
// kubeconfig it may wait until somebody has approved the request, or ctx ends.
func Load(ctx context.Context, cfg Config) (*rest.Config, *Rotation, error) {
	if cfg.Bootstrap != "" {
		if why := cfg.unusable(time.Now()); why != nil {
			if err := bootstrap(ctx, cfg, why); err != nil {
				return nil, nil, fmt.Errorf("get the node's first certificate: %w", err)
			}
		}
	}
	config, err := component.ClientConfig("", cfg.Kubeconfig, userAgent)
	if err != nil || !cfg.Rotate {
		return config, nil, err
	}
	return rotating(cfg, config)
}

// unusable says why the kubeconfig will not do; nil if it will. One without a certificate (a token, a plugin) does.
func (cfg Config) unusable(now time.Time) error {
	if _, err := os.Stat(cfg.Kubeconfig); err != nil {
		return err
	}
	config, err := component.ClientConfig("", cfg.Kubeconfig, userAgent)
	if err != nil {
		return err
	}
	tlsConfig, err := rest.TLSConfigFor(config)
	if err != nil {
		return err
	}
	if tlsConfig == nil || tlsConfig.GetClientCertificate == nil {
		return nil
	}
	pair, err := tlsConfig.GetClientCertificate(nil)
	if err != nil {
		return err
	}
	if len(pair.Certificate) == 0 {
		return nil
	}
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		return fmt.Errorf("read certificate of %s: %w", cfg.Kubeconfig, err)
	}
	if now.After(leaf.NotAfter) {
		return fmt.Errorf("certificate of %s has expired at %s", cfg.Kubeconfig, leaf.NotAfter)
	}
	return nil
}

// subject is whom the certificate is for, as the node authorizer wants it.
func subject(nodeName string) pkix.Name {
	return pkix.Name{CommonName: "system:node:" + nodeName, Organization: []string{"system:nodes"}}
}

// Rotation renews the certificate of a connection.
type Rotation struct {
	manager certificate.Manager
	store   *store
}

// Run works until ctx ends.
func (r *Rotation) Run(ctx context.Context) error {
	r.manager.Start()
	<-ctx.Done()
	r.manager.Stop()
	return nil
}

// store keeps certificates in files and makes connections follow.
type store struct {
	certificate.FileStore
	current atomic.Pointer[tls.Certificate]
	// connections are closed when the certificate changes: servers look at the one of the handshake only.
	connections *connrotation.ConnectionTracker
}

// Update implements certificate.Store.
func (s *store) Update(cert, key []byte) (*tls.Certificate, error) {
	pair, err := s.FileStore.Update(cert, key)
	if err != nil {
		return nil, err
	}
	s.current.Store(pair)
	s.connections.CloseAll()
	return pair, nil
}

// clientCertificate is the newest one; an empty one is the way of crypto/tls to show none.
func (s *store) clientCertificate(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	if pair := s.current.Load(); pair != nil {
		return pair, nil
	}
	return &tls.Certificate{}, nil
}

// rotating makes the connection follow the newest certificate in the directory, which begins with the kubeconfig's.
func rotating(cfg Config, config *rest.Config) (*rest.Config, *Rotation, error) {
	tlsConfig, err := rest.TLSConfigFor(config)
	if err != nil {
		return nil, nil, fmt.Errorf("read certificates of %s: %w", cfg.Kubeconfig, err)
	}
	if tlsConfig == nil || tlsConfig.GetClientCertificate == nil {
		return nil, nil, fmt.Errorf("rotateCertificates: %s has no client certificate that could be renewed", cfg.Kubeconfig)
	}
	files, err := certificate.NewFileStore(pairName, cfg.Dir, cfg.Dir, config.CertFile, config.KeyFile)
	if err != nil {
		return nil, nil, fmt.Errorf("open store of client certificates: %w", err)
	}
	s := &store{FileStore: files, connections: connrotation.NewConnectionTracker()}
	if err := s.begin(tlsConfig); err != nil {
		return nil, nil, err
	}
	following := rest.CopyConfig(config)
	following.TLSClientConfig = rest.TLSClientConfig{}
	following.Transport = transport(config, tlsConfig, s)
	client, err := kubernetes.NewForConfig(following)
	if err != nil {
		return nil, nil, fmt.Errorf("make client for certificates: %w", err)
	}
	manager, err := certificate.NewManager(&certificate.Config{
		ClientsetFn:             func(*tls.Certificate) (kubernetes.Interface, error) { return client, nil },
		Template:                &x509.CertificateRequest{Subject: subject(cfg.NodeName)},
		SignerName:              certificates.KubeAPIServerClientKubeletSignerName,
		GetUsages:               certificate.DefaultKubeletClientGetUsages,
		CertificateStore:        s,
		BootstrapCertificatePEM: config.CertData,
		BootstrapKeyPEM:         config.KeyData,
	})
	if err != nil {
		return nil, nil, fmt.Errorf("make manager of client certificates: %w", err)
	}
	return following, &Rotation{manager: manager, store: s}, nil
}

// begin takes the certificate of the directory, else the kubeconfig's.
func (s *store) begin(kubeconfig *tls.Config) error {
	pair, err := s.FileStore.Current()
	if none := (*certificate.NoCertKeyError)(nil); errors.As(err, &none) {
		pair, err = kubeconfig.GetClientCertificate(nil)
	}
	if err != nil {
		return fmt.Errorf("read client certificate: %w", err)
	}
	s.current.Store(pair)
	return nil
}

// transport is client-go's, but for the certificate and the tracking of connections.
func transport(config *rest.Config, tlsConfig *tls.Config, s *store) http.RoundTripper {
	tlsConfig = tlsConfig.Clone()
	tlsConfig.GetClientCertificate = s.clientCertificate
	dial := config.Dial
	if dial == nil {
		dial = (&net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second}).DialContext
	}
	t := &http.Transport{
		TLSClientConfig: tlsConfig, TLSHandshakeTimeout: 10 * time.Second, MaxIdleConnsPerHost: 25,
		DialContext: connrotation.NewDialerWithTracker(dial, s.connections).DialContext,
		Proxy:       config.Proxy,
	}
	return utilnet.SetTransportDefaults(t)
}
