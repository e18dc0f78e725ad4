package pki

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// renewAt is when a certificate is to be made anew.
func renewAt(cert *x509.Certificate) time.Time {
	return cert.NotAfter.Add(-min(RenewBefore, cert.NotAfter.Sub(cert.NotBefore)/4))
}

// Due is when the first certificate of the set is to be made anew.
func (s Set) Due() (time.Time, error) {
	files, err := filepath.Glob(filepath.Join(s.dir, "*.crt"))
	if err != nil || len(files) == 0 {
		return time.Time{}, fmt.Errorf("look for certificates in %q: none found (%v)", s.dir, err)
	}
	var due time.Time
	for _, file := range files {
		cert, err := readCertificate(file)
		if err != nil {
			return time.Time{}, err
		}
		if at := renewAt(cert); due.IsZero() || at.Before(due) {
			due = at
		}
	}
	return due, nil
}

const (
	// lookAgain bounds the wait until the clock is looked at again, which may be set or stand still while a machine sleeps.
	lookAgain = 12 * time.Hour
	// renewPause is the wait after a failure, and the least of all waits.
	renewPause = time.Minute
)

// Keep calls renew whenever a certificate is due, until ctx ends. due says when; failed is told of errors, after which it goes on.
func Keep(ctx context.Context, due func() (time.Time, error), renew func() error, failed func(error)) {
	for {
		wait := renewPause
		at, err := due()
		if err == nil {
			wait = min(max(time.Until(at), renewPause), lookAgain)
		} else {
			failed(err)
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		if err == nil && time.Now().Before(at) {
			continue
		}
		if err := renew(); err != nil {
			failed(err)
		}
	}
}

// Serving gives a server's certificate as it is in the files now; for tls.Config. While the files cannot be read it gives what it
// gave before.
func (s Set) Serving(name string) (func(*tls.ClientHelloInfo) (*tls.Certificate, error), error) {
	c := &serving{cert: s.Cert(name), key: s.Key(name)}
	if _, err := c.get(nil); err != nil {
		return nil, err
	}
	return c.get, nil
}

type serving struct {
	cert, key string

	mu      sync.Mutex
	read    os.FileInfo      // guarded by mu; of the file that was read last
	current *tls.Certificate // guarded by mu
}

func (c *serving) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	info, err := os.Stat(c.cert)
	if err == nil && c.read != nil && os.SameFile(info, c.read) && info.ModTime().Equal(c.read.ModTime()) {
		return c.current, nil
	}
	var loaded tls.Certificate
	if err == nil {
		loaded, err = tls.LoadX509KeyPair(c.cert, c.key)
	}
	if err != nil {
		if c.current != nil {
			return c.current, nil
		}
		return nil, fmt.Errorf("read serving certificate: %w", err)
	}
	c.read, c.current = info, &loaded
	return c.current, nil
}
