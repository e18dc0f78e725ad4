package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"time"
)

const (
	certificateBlock = "CERTIFICATE"
	keyBlock         = "EC PRIVATE KEY"
	publicKeyBlock   = "PUBLIC KEY"
)

// ensureKey loads a private key or makes it.
func (s Set) ensureKey(name string) (*ecdsa.PrivateKey, error) {
	return ensureKeyFile(s.Key(name))
}

func ensureKeyFile(path string) (*ecdsa.PrivateKey, error) {
	raw, err := readBlock(path, keyBlock)
	if err == nil {
		key, err := x509.ParseECPrivateKey(raw)
		if err != nil {
			return nil, fmt.Errorf("read key %q (remove it to have it made anew): %w", path, err)
		}
		return key, nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	if raw, err = x509.MarshalECPrivateKey(key); err != nil {
		return nil, fmt.Errorf("encode key: %w", err)
	}
	return key, writeBlock(path, keyBlock, raw, 0o600)
}

// ensureServiceAccountKey makes the pair that signs and verifies tokens. The public half always follows from the private.
func (s Set) ensureServiceAccountKey() error {
	key, err := ensureKeyFile(s.ServiceAccountKey())
	if err != nil {
		return err
	}
	raw, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return fmt.Errorf("encode public key: %w", err)
	}
	if old, err := readBlock(s.ServiceAccountPublicKey(), publicKeyBlock); err == nil && string(old) == string(raw) {
		return nil
	}
	return writeBlock(s.ServiceAccountPublicKey(), publicKeyBlock, raw, 0o644)
}

// backdated is how long before it was made a certificate is valid: clocks of other machines may be a little behind.
const backdated = 5 * time.Minute

func newTemplate(commonName string, organizations []string, now time.Time, life time.Duration) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, fmt.Errorf("draw serial number: %w", err)
	}
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: commonName, Organization: organizations},
		NotBefore:    now.Add(-backdated).UTC(),
		NotAfter:     now.Add(life).UTC(),
	}, nil
}

// sign issues the template and writes it.
func (s Set) sign(name string, template *x509.Certificate, issuer *authority, key *ecdsa.PrivateKey) (*x509.Certificate, error) {
	raw, err := x509.CreateCertificate(rand.Reader, template, issuer.cert, &key.PublicKey, issuer.key)
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	if err := writeBlock(s.Cert(name), certificateBlock, raw, 0o644); err != nil {
		return nil, err
	}
	return x509.ParseCertificate(raw)
}

func readCertificate(path string) (*x509.Certificate, error) {
	raw, err := readBlock(path, certificateBlock)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(raw)
	if err != nil {
		return nil, fmt.Errorf("read certificate %q (remove it to have it made anew): %w", path, err)
	}
	return cert, nil
}

func publicKeyOf(cert *x509.Certificate, key *ecdsa.PrivateKey) bool {
	return key.PublicKey.Equal(cert.PublicKey)
}

// readBlock reads a file that holds one PEM block of the type.
func readBlock(path, blockType string) ([]byte, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(content)
	if block == nil || block.Type != blockType {
		return nil, fmt.Errorf("read %q: no PEM block %q in it (remove the file to have it made anew)", path, blockType)
	}
	return block.Bytes, nil
}

func writeBlock(path, blockType string, raw []byte, mode os.FileMode) error {
	return writeAtomically(path, pem.EncodeToMemory(&pem.Block{Type: blockType, Bytes: raw}), mode)
}

// writeAtomically puts content in place of whatever is at path: a reader, or a start after a crash, sees all or nothing.
func writeAtomically(path string, content []byte, mode os.FileMode) error {
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return fmt.Errorf("write %q: %w", path, err)
	}
	defer os.Remove(file.Name()) // fails once it has been renamed, which is what we want
	if err := errors.Join(file.Chmod(mode), writeAll(file, content), file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("write %q: %w", path, err)
	}
	if err := os.Rename(file.Name(), path); err != nil {
		return fmt.Errorf("write %q: %w", path, err)
	}
	return nil
}

func writeAll(file *os.File, content []byte) error {
	_, err := file.Write(content)
	return err
}
