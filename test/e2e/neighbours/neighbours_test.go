package neighbours

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// listener listens at a port of the machine; it is the name server of the cluster with a configuration of its own.
const listener = `
apiVersion: v1
kind: ConfigMap
metadata: {name: listener}
data: {Corefile: ".:53 {\n  errors\n}\n"}
---
apiVersion: v1
kind: Pod
metadata: {name: listener}
spec:
  volumes: [{name: config, configMap: {name: listener}}]
  containers:
  - name: listener
    image: %s
    imagePullPolicy: Never
    args: [-conf, /config/Corefile]
    volumeMounts: [{name: config, mountPath: /config}]
    ports: [{containerPort: 53, hostPort: %s, protocol: TCP}]
    readinessProbe: {tcpSocket: {port: 53}, periodSeconds: 1}
`

// up starts the cluster and a pod with a port of the machine.
func (c cluster) up(t *testing.T) {
	t.Helper()
	c.must(t, "up")
	image := c.must(t, "kubectl", "get", "deployment", "-n", "kube-system", "coredns", "-o", "jsonpath={.spec.template.spec.containers[0].image}")
	file := filepath.Join(t.TempDir(), "pod.yaml")
	if err := os.WriteFile(file, fmt.Appendf(nil, listener, image, c.hostPort()), 0o600); err != nil {
		t.Fatal(err)
	}
	c.must(t, "kubectl", "apply", "-f", file)
	c.must(t, "kubectl", "wait", "--for=condition=Ready", "pod/listener", "--timeout=60s")
}

// podAddr is where the name server's pod is.
func (c cluster) podAddr(t *testing.T) string {
	t.Helper()
	ip := c.must(t, "kubectl", "get", "pods", "-n", "kube-system", "-l", "k8s-app=kube-dns", "-o", "jsonpath={.items[0].status.podIP}")
	return net.JoinHostPort(ip, "53")
}

// resolve asks a name server by a new connection.
func resolve(address, name string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	resolver := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", address)
	}}
	_, err := resolver.LookupHost(ctx, name)
	return err
}

func dial(address string) error {
	conn, err := net.DialTimeout("tcp", address, 2*time.Second)
	if err == nil {
		conn.Close()
	}
	return err
}

// asking asks the cluster in all ways until stop is called, which gives how often, and fails the test for each failure.
func (c cluster) asking(t *testing.T) (stop func() int) {
	t.Helper()
	pod := c.podAddr(t)
	done, asked := make(chan struct{}), make(chan int)
	go func() {
		count := 0
		defer func() { asked <- count }()
		for {
			for way, ask := range map[string]func() error{
				"Service of the machine":    func() error { return resolve(c.dnsAddr(), "kubernetes.default.svc.cluster.local.") },
				"pod from another machine":  func() error { return outside.Do(func() error { return dial(pod) }) },
				"port from another machine": func() error { return outside.Do(func() error { return dial("192.0.2.10:" + c.hostPort()) }) },
			} {
				if err := ask(); err != nil {
					t.Errorf("cluster %s: %s: %v", c.name, way, err)
				}
				count++
			}
			select {
			case <-done:
				return
			default:
			}
		}
	}()
	return func() int {
		close(done)
		return <-asked
	}
}

// shared is what two clusters have in common on a machine.
type shared struct {
	Tables, Results, Links []string
	Forward                string
}

func look(t *testing.T) shared {
	t.Helper()
	var s shared
	out, err := exec.Command("nft", "list", "tables").Output()
	if err != nil {
		t.Fatal(err)
	}
	s.Tables = strings.Split(strings.TrimSpace(string(out)), "\n")
	if s.Results, err = filepath.Glob("/var/lib/cni/*/*"); err != nil {
		t.Fatal(err)
	}
	links, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		s.Links = append(s.Links, link.Name)
	}
	slices.Sort(s.Links)
	forward, err := os.ReadFile("/proc/sys/net/ipv4/ip_forward")
	if err != nil {
		t.Fatal(err)
	}
	s.Forward = string(bytes.TrimSpace(forward))
	return s
}

// killAll kills all processes of a cluster, its server and keeper first.
func (c cluster) killAll(t *testing.T) {
	t.Helper()
	for {
		stats, err := filepath.Glob("/proc/[0-9]*/environ")
		if err != nil {
			t.Fatal(err)
		}
		found := 0
		for _, file := range stats {
			environ, _ := os.ReadFile(file) // it may have ended
			for _, mark := range []string{"keeper:" + c.dataDir(), c.dataDir()} {
				if !bytes.Contains(environ, []byte("PROA_PROCESS="+mark+"\x00")) {
					continue
				}
				found++
				var pid int
				if _, err := fmt.Sscanf(file, "/proc/%d/environ", &pid); err != nil {
					t.Fatal(err)
				}
				if err := unix.Kill(pid, unix.SIGKILL); err != nil && err != unix.ESRCH {
					t.Fatal(err)
				}
			}
		}
		if found == 0 {
			return
		}
	}
}

func TestOneEndsAndTheOtherGoesOn(t *testing.T) {
	before := look(t)
	a, b := both()[0], both()[1]
	a.up(t)
	b.up(t)
	for _, round := range []struct {
		name         string
		ends, goesOn cluster
		command      []string
		killed       bool
	}{
		{name: "in good order, whoever came first", ends: a, goesOn: b, command: []string{"down"}},
		{name: "by force", ends: b, goesOn: a, command: []string{"down"}, killed: true},
		{name: "with its data", ends: a, goesOn: b, command: []string{"reset", "--yes"}},
	} {
		stop := round.goesOn.asking(t)
		if round.killed {
			round.ends.killAll(t)
		}
		round.ends.must(t, round.command...)
		if asked := stop(); asked < 30 {
			t.Errorf("%s: the other was asked %d times only", round.name, asked)
		}
		round.ends.up(t)
	}
	for _, c := range both() {
		c.must(t, "down")
	}
	if diff := cmp.Diff(before, look(t)); diff != "" {
		t.Errorf("the machine after both have ended (-before +after):\n%s", diff)
	}
}
