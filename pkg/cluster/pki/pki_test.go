package pki

import (
	"crypto/x509"
	"net"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func config(dir string, now time.Time) Config {
	return Config{
		Dir: dir, NodeName: "node-1", DNSDomain: "cluster.local", ServerNames: []string{"api.example.org"},
		ServerIPs: []net.IP{net.IPv4(10, 96, 0, 1)}, NodeIPs: []net.IP{net.IPv4(192, 0, 2, 7)},
		Now: func() time.Time { return now },
	}
}

func ensure(t *testing.T, cfg Config) Set {
	t.Helper()
	set, err := Ensure(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// contents maps the files of a directory to what is in them.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, entry := range entries {
		content, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[entry.Name()] = string(content)
	}
	return files
}

// changed names the files that differ, sorted.
func changed(before, after map[string]string) []string {
	var names []string
	for name, content := range after {
		if before[name] != content {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	return names
}

func TestChains(t *testing.T) {
	now := time.Now()
	cfg := config(t.TempDir(), now)
	set := ensure(t, cfg)
	for _, test := range []struct {
		name, authority, verifyAs, subject string
		usage                              x509.ExtKeyUsage
	}{
		{APIServer, CA, "kubernetes.default.svc.cluster.local", "CN=kube-apiserver", x509.ExtKeyUsageServerAuth},
		{APIServer, CA, "10.96.0.1", "CN=kube-apiserver", x509.ExtKeyUsageServerAuth},
		{APIServer, CA, "127.0.0.1", "CN=kube-apiserver", x509.ExtKeyUsageServerAuth},
		{APIServer, CA, "api.example.org", "CN=kube-apiserver", x509.ExtKeyUsageServerAuth},
		{KubeletServer, CA, "192.0.2.7", "CN=system:node:node-1,O=system:nodes", x509.ExtKeyUsageServerAuth},
		{KubeletServer, CA, "node-1", "CN=system:node:node-1,O=system:nodes", x509.ExtKeyUsageServerAuth},
		{Kubelet, CA, "", "CN=system:node:node-1,O=system:nodes", x509.ExtKeyUsageClientAuth},
		{Admin, CA, "", "CN=kubernetes-admin,O=system:masters", x509.ExtKeyUsageClientAuth},
		{ControllerManager, CA, "", "CN=system:kube-controller-manager", x509.ExtKeyUsageClientAuth},
		{Scheduler, CA, "", "CN=system:kube-scheduler", x509.ExtKeyUsageClientAuth},
		{Proxy, CA, "", "CN=system:kube-proxy", x509.ExtKeyUsageClientAuth},
		{APIServerKubeletClient, CA, "", "CN=kube-apiserver-kubelet-client,O=system:masters", x509.ExtKeyUsageClientAuth},
		{FrontProxyClient, FrontProxyCA, "", "CN=front-proxy-client", x509.ExtKeyUsageClientAuth},
	} {
		t.Run(test.name+" "+test.verifyAs, func(t *testing.T) {
			authority, err := readCertificate(set.Cert(test.authority))
			if err != nil {
				t.Fatal(err)
			}
			roots := x509.NewCertPool()
			roots.AddCert(authority)
			cert, err := readCertificate(set.Cert(test.name))
			if err != nil {
				t.Fatal(err)
			}
			options := x509.VerifyOptions{Roots: roots, DNSName: test.verifyAs, KeyUsages: []x509.ExtKeyUsage{test.usage}, CurrentTime: now}
			if _, err := cert.Verify(options); err != nil {
				t.Error(err)
			}
			if got := cert.Subject.String(); got != test.subject {
				t.Errorf("subject %q, want %q", got, test.subject)
			}
		})
	}
	for name := range contents(t, cfg.Dir) {
		info, err := os.Stat(filepath.Join(cfg.Dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, ".key") && info.Mode().Perm() != 0o600 {
			t.Errorf("key %s has mode %v", name, info.Mode().Perm())
		}
	}
}

func TestMakesAnewOnlyWhatMust(t *testing.T) {
	start := time.Now()
	all := []string{"admin.crt", "apiserver-kubelet-client.crt", "apiserver.crt", "controller-manager.crt", "front-proxy-client.crt",
		"kubelet-server.crt", "kubelet.crt", "proxy.crt", "scheduler.crt"}
	for _, test := range []struct {
		name   string
		change func(*Config)
		later  time.Duration
		want   []string
	}{
		{name: "nothing to do"},
		{name: "well before the end", later: leafLife - RenewBefore - time.Hour},
		{name: "leaves near their end", later: leafLife - RenewBefore + time.Hour, want: all},
		{name: "authorities near their end keep their keys", later: authorityLife - RenewBefore + time.Hour,
			want: append([]string{"ca.crt", "front-proxy-ca.crt"}, all...)},
		{name: "a certificate is missing", change: func(c *Config) { os.Remove(filepath.Join(c.Dir, "scheduler.crt")) }, want: []string{"scheduler.crt"}},
		{name: "a key is missing", change: func(c *Config) { os.Remove(filepath.Join(c.Dir, "scheduler.key")) },
			want: []string{"scheduler.crt", "scheduler.key"}},
		{name: "the public key is missing", change: func(c *Config) { os.Remove(filepath.Join(c.Dir, "sa.pub")) }},
		{name: "the server has another address", change: func(c *Config) { c.ServerIPs = []net.IP{net.IPv4(10, 0, 0, 9)} },
			want: []string{"apiserver.crt"}},
		{name: "the node has another name", change: func(c *Config) { c.NodeName = "node-2" },
			want: []string{"apiserver.crt", "kubelet-server.crt", "kubelet.crt"}},
		{name: "another authority", change: func(c *Config) {
			os.Remove(filepath.Join(c.Dir, "front-proxy-ca.crt"))
			os.Remove(filepath.Join(c.Dir, "front-proxy-ca.key"))
		}, want: []string{"front-proxy-ca.crt", "front-proxy-ca.key", "front-proxy-client.crt"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			cfg := config(t.TempDir(), start)
			ensure(t, cfg)
			before := contents(t, cfg.Dir)
			cfg.Now = func() time.Time { return start.Add(test.later) }
			if test.change != nil {
				test.change(&cfg)
			}
			ensure(t, cfg)
			got := changed(before, contents(t, cfg.Dir))
			sort.Strings(test.want)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDamagedFileIsNotReplacedSilently(t *testing.T) {
	cfg := config(t.TempDir(), time.Now())
	set := ensure(t, cfg)
	if err := os.WriteFile(set.Key(CA), []byte("rubbish"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Ensure(cfg)
	if err == nil || !strings.Contains(err.Error(), set.Key(CA)) {
		t.Errorf("error %v does not name the damaged key", err)
	}
}

func TestFurtherNode(t *testing.T) {
	now := time.Now()
	cluster := ensure(t, config(t.TempDir(), now))
	dir := filepath.Join(t.TempDir(), "node-2")
	address := net.IPv4(192, 0, 2, 8)
	node, err := cluster.EnsureNode(dir, "node-2", []net.IP{address}, now)
	if err != nil {
		t.Fatal(err)
	}
	ca, err := readCertificate(node.Cert(CA))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(ca)
	for name, want := range map[string]struct{ subject, host string }{
		Kubelet: {"CN=system:node:node-2,O=system:nodes", ""}, Proxy: {"CN=system:kube-proxy", ""},
		KubeletServer: {"CN=system:node:node-2,O=system:nodes", "192.0.2.8"},
	} {
		cert, err := readCertificate(node.Cert(name))
		if err != nil {
			t.Fatal(err)
		}
		options := x509.VerifyOptions{Roots: pool, DNSName: want.host, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}
		if _, err := cert.Verify(options); err != nil || cert.Subject.String() != want.subject {
			t.Errorf("%s: subject %s, %v", name, cert.Subject, err)
		}
	}
	before := contents(t, dir)
	if _, err := os.Stat(node.Key(CA)); !os.IsNotExist(err) {
		t.Errorf("the node has the authority's key: %v", err)
	}
	if _, err := cluster.EnsureNode(dir, "node-2", []net.IP{net.IPv4(192, 0, 2, 9)}, now); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"kubelet-server.crt"}, changed(before, contents(t, dir))); diff != "" {
		t.Errorf("files changed by another address:\n%s", diff)
	}
}
