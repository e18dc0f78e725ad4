package binaries

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/proa-sh/proa/test/e2e/box"
)

const (
	nodeName     = "worker-1"
	nodeIP       = box.Address
	server       = "https://" + nodeIP + ":6443"
	podRange     = "10.244.0.0/16"
	serviceRange = "10.96.0.0/16"
	firstService = "10.96.0.1"
	// patience bounds every wait.
	patience = 90 * time.Second
)

// cluster is what an installer makes: directories, certificates, configuration, and the processes that run.
type cluster struct {
	t        *testing.T
	dir, bin string
	cgroup   string
	ca       *authority
	// frontProxy signs the certificate by which the API server calls aggregated servers.
	frontProxy *authority
	// configs are kubeconfig files by user.
	configs map[string]string
	running []*process
	// apiServer are the flags of the API server.
	apiServer []string
	// closeEtcd ends the etcd; it may be called again.
	closeEtcd func()
	admin     kubernetes.Interface
	rest      *rest.Config
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	c := &cluster{t: t, dir: box.Dir(), bin: box.Bin(), cgroup: cgroup(box.Dir()), configs: map[string]string{}, closeEtcd: func() {}}
	t.Cleanup(c.killAll)
	c.makeNetwork()
	c.makeCgroup()
	c.makeCertificates()
	return c
}

// makeNetwork gives the machine, which is a network namespace, an address and a default route.
func (c *cluster) makeNetwork() {
	c.t.Helper()
	_, err := box.MakeNetwork()
	if err == nil {
		err = os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o644)
	}
	if err != nil {
		c.t.Fatalf("set up the network: %v", err)
	}
}

// makeCgroup makes a cgroup for the node's pods in every hierarchy; a cpuset that is empty would take no process.
func (c *cluster) makeCgroup() {
	c.t.Helper()
	for _, mount := range cgroupMounts() {
		dir := filepath.Join(mount, c.cgroup)
		if err := os.Mkdir(dir, 0o755); err != nil {
			c.t.Fatal(err)
		}
		for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
			text, err := os.ReadFile(filepath.Join(mount, file))
			if errors.Is(err, os.ErrNotExist) {
				continue
			}
			if err == nil {
				err = os.WriteFile(filepath.Join(dir, file), text, 0o644)
			}
			if err != nil {
				c.t.Fatal(err)
			}
		}
	}
}

func (c *cluster) makeCertificates() {
	c.t.Helper()
	pki := filepath.Join(c.dir, "pki")
	c.ca = newAuthority(c.t, pki, "ca")
	c.frontProxy = newAuthority(c.t, pki, "front-proxy-ca")
	for user, groups := range map[string][]string{
		"kubernetes-admin":               {"system:masters"},
		"system:kube-controller-manager": nil,
		"system:kube-scheduler":          nil,
		"system:kube-proxy":              nil,
		"system:node:" + nodeName:        {"system:nodes"},
		"system:node:other":              {"system:nodes"},
	} {
		file := url.PathEscape(user)
		c.configs[user] = c.ca.kubeconfig(filepath.Join(c.dir, file+".conf"), server, c.ca.client(file, user, groups...))
	}
	c.admin, c.rest = c.clientOf("kubernetes-admin")
}

// clientOf is a client with the identity of that user.
func (c *cluster) clientOf(user string) (kubernetes.Interface, *rest.Config) {
	c.t.Helper()
	return c.client(c.configs[user])
}

func (c *cluster) client(file string) (kubernetes.Interface, *rest.Config) {
	c.t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", file)
	if err != nil {
		c.t.Fatal(err)
	}
	config.QPS = -1
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		c.t.Fatal(err)
	}
	return client, config
}

// startEtcd runs an etcd in the test's process; it is nobody's binary here. It speaks TLS and knows its clients.
func (c *cluster) startEtcd() (endpoint string, client pair) {
	c.t.Helper()
	loopback := net.IPv4(127, 0, 0, 1)
	own := c.ca.server("etcd", []string{"localhost"}, loopback)
	cfg := embed.NewConfig()
	cfg.Dir, cfg.LogLevel = filepath.Join(c.dir, "etcd"), "error"
	cfg.LogOutputs = []string{filepath.Join(c.dir, "etcd.log")}
	cfg.ClientTLSInfo.CertFile, cfg.ClientTLSInfo.KeyFile, cfg.ClientTLSInfo.TrustedCAFile = own.cert, own.key, c.ca.certFile
	cfg.ClientTLSInfo.ClientCertAuth = true
	clients, peers := url.URL{Scheme: "https", Host: "127.0.0.1:2379"}, url.URL{Scheme: "http", Host: "127.0.0.1:2380"}
	cfg.ListenClientUrls, cfg.AdvertiseClientUrls = []url.URL{clients}, []url.URL{clients}
	cfg.ListenPeerUrls, cfg.AdvertisePeerUrls = []url.URL{peers}, []url.URL{peers}
	cfg.InitialCluster = cfg.InitialClusterFromName(cfg.Name)
	etcd, err := embed.StartEtcd(cfg)
	if err != nil {
		c.t.Fatalf("start etcd: %v", err)
	}
	c.closeEtcd = sync.OnceFunc(etcd.Close)
	select {
	case <-etcd.Server.ReadyNotify():
	case <-time.After(patience):
		c.t.Fatal("etcd is not ready")
	}
	return clients.String(), c.ca.client("etcd-client", "kube-apiserver-etcd-client")
}

// eventually waits until check returns no error. Processes that end meanwhile end the test.
func (c *cluster) eventually(what string, check func(context.Context) error) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	pause := time.NewTicker(50 * time.Millisecond)
	defer pause.Stop()
	for {
		err := check(ctx)
		if err == nil {
			return
		}
		for _, p := range c.running {
			p.alive()
		}
		select {
		case <-ctx.Done():
			c.t.Fatalf("waited %s for %s: %v", patience, what, err)
		case <-pause.C:
		}
	}
}

var errNotYet = errors.New("not yet")

func (c *cluster) path(name string) string { return filepath.Join(c.dir, name) }

func flag(name string, value any) string { return fmt.Sprintf("--%s=%v", name, value) }
