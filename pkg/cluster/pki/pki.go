package pki

import (
	"bytes"
	"cmp"
	"crypto/ecdsa"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"
)

const (
	authorityLife = 10 * 365 * 24 * time.Hour
	leafLife      = 365 * 24 * time.Hour
	// RenewBefore is the time before its end at which a certificate is made anew; of one with a short life, when a quarter is left.
	RenewBefore = 90 * 24 * time.Hour
)

// Config says what the certificates are for.
type Config struct {
	// Dir holds the keys and certificates. It is made with mode 0700.
	Dir string
	// NodeName is the node whose kubelet gets an identity. Lower case, as node names are.
	NodeName string
	// ServerNames and ServerIPs are what the API server is called, beside the names that every API server has.
	ServerNames []string
	ServerIPs   []net.IP
	// NodeIPs are the addresses of the kubelet's server.
	NodeIPs []net.IP
	// DNSDomain is the cluster's domain, such as cluster.local.
	DNSDomain string
	// Life is that of certificates that sign no others; 0 means a year.
	Life time.Duration
	// Now is the current time; nil means time.Now.
	Now func() time.Time
}

// Set is a directory that Ensure or EnsureNode has completed.
type Set struct {
	dir string
	// life is that of new certificates; 0 means a year.
	life time.Duration
}

// At is the set in a directory that has been completed before, perhaps by another process.
func At(dir string) Set { return Set{dir: dir} }

// Cert is the path of a certificate by its name, such as CA, APIServer or Admin.
func (s Set) Cert(name string) string { return filepath.Join(s.dir, name+".crt") }

// Key is the path of a private key by its name.
func (s Set) Key(name string) string { return filepath.Join(s.dir, name+".key") }

// ServiceAccountKey and ServiceAccountPublicKey are the paths of the keys that sign and verify service account tokens.
func (s Set) ServiceAccountKey() string       { return filepath.Join(s.dir, "sa.key") }
func (s Set) ServiceAccountPublicKey() string { return filepath.Join(s.dir, "sa.pub") }

// Ensure completes the directory: it makes what is missing or no longer fit and leaves everything else.
func Ensure(cfg Config) (Set, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.NodeName == "" || cfg.DNSDomain == "" {
		return Set{}, errors.New("make certificates: node name and DNS domain must be given")
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return Set{}, fmt.Errorf("make directory of certificates: %w", err)
	}
	set := Set{dir: cfg.Dir, life: cfg.Life}
	now := cfg.Now()
	authorities := map[string]*authority{}
	for _, name := range []string{CA, FrontProxyCA} {
		a, err := set.ensureAuthority(name, now)
		if err != nil {
			return Set{}, fmt.Errorf("make certificate authority %s: %w", name, err)
		}
		authorities[name] = a
	}
	if err := set.ensureServiceAccountKey(); err != nil {
		return Set{}, fmt.Errorf("make service account key: %w", err)
	}
	if err := set.ensureLeaves(append(leaves(cfg), nodeLeaves(cfg.NodeName, cfg.NodeIPs)...), authorities, now); err != nil {
		return Set{}, err
	}
	return set, nil
}

// EnsureNode completes the directory of a further node, which gets the cluster's CA certificate, and keys and certificates of
// its own. now is the current time.
func (s Set) EnsureNode(dir, name string, ips []net.IP, now time.Time) (Set, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return Set{}, fmt.Errorf("make directory of certificates: %w", err)
	}
	ca, err := s.ensureAuthority(CA, now)
	if err != nil {
		return Set{}, fmt.Errorf("read certificate authority: %w", err)
	}
	set := Set{dir: dir, life: s.life}
	if old, err := readBlock(set.Cert(CA), certificateBlock); err != nil || !bytes.Equal(old, ca.cert.Raw) {
		if err := writeBlock(set.Cert(CA), certificateBlock, ca.cert.Raw, 0o644); err != nil {
			return Set{}, err
		}
	}
	return set, set.ensureLeaves(nodeLeaves(name, ips), map[string]*authority{CA: ca}, now)
}

// ensureLeaves makes the certificates at the same time, for signing is all the work there is.
func (s Set) ensureLeaves(leaves []leaf, authorities map[string]*authority, now time.Time) error {
	faults := make([]error, len(leaves))
	var group sync.WaitGroup
	for i, l := range leaves {
		group.Go(func() {
			if err := s.ensureLeaf(l, authorities[l.authority], now); err != nil {
				faults[i] = fmt.Errorf("make certificate %s: %w", l.name, err)
			}
		})
	}
	group.Wait()
	return errors.Join(faults...)
}

// authority is a certificate that signs others, with its key.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// ensureAuthority loads or makes an authority. One near its end is issued anew with the same key and name, so that the
// certificates it has signed stay valid.
func (s Set) ensureAuthority(name string, now time.Time) (*authority, error) {
	key, err := s.ensureKey(name)
	if err != nil {
		return nil, err
	}
	cert, err := readCertificate(s.Cert(name))
	if err == nil && cert.IsCA && publicKeyOf(cert, key) && now.Before(renewAt(cert)) && !now.Before(cert.NotBefore) {
		return &authority{cert: cert, key: key}, nil
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	template, err := newTemplate(name, nil, now, authorityLife)
	if err != nil {
		return nil, err
	}
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature | x509.KeyUsageCRLSign
	if cert, err = s.sign(name, template, &authority{cert: template, key: key}, key); err != nil {
		return nil, err
	}
	return &authority{cert: cert, key: key}, nil
}

// ensureLeaf leaves a certificate that is still fit and makes it anew otherwise, with the key it has.
func (s Set) ensureLeaf(l leaf, issuer *authority, now time.Time) error {
	key, err := s.ensureKey(l.name)
	if err != nil {
		return err
	}
	cert, err := readCertificate(s.Cert(l.name))
	if err == nil && publicKeyOf(cert, key) && l.unfit(cert, issuer.cert, now) == "" {
		return nil
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	template, err := newTemplate(l.commonName, l.organizations, now, cmp.Or(s.life, leafLife))
	if err != nil {
		return err
	}
	template.NotAfter = earlier(template.NotAfter, issuer.cert.NotAfter)
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{l.usage}
	template.DNSNames, template.IPAddresses = l.names, l.ips
	_, err = s.sign(l.name, template, issuer, key)
	return err
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
