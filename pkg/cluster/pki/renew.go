package pki

import (
	"cmp"
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
	return cert.NotAfter.Add(-min(RenewBefore, cert.NotAfter.Sub(cert.NotBefore.Add(backdated))/4))
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

// Renewal makes certificates anew before they end.
type Renewal struct {
	// Due says when the first is to be made anew, and Renew makes those that are.
	Due   func() (time.Time, error)
	Renew func() error
	// Failed is told of errors, after which it goes on.
	Failed func(error)
	// Pause is the wait after a failure, and the least of all waits; 0 means a minute. Certificates with a short life need a shorter.
	Pause time.Duration
}

// Keep renews whenever a certificate is due, until ctx ends.
func (r Renewal) Keep(ctx context.Context) {
	pause := cmp.Or(r.Pause, renewPause)
	for {
		wait := pause
		at, err := r.Due()
		if err == nil {
			wait = min(max(time.Until(at), pause), lookAgain)
		} else {
			r.Failed(err)
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
		if err := r.Renew(); err != nil {
			r.Failed(err)
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
