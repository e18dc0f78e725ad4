package nodes

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/proa-sh/proa/test/e2e/box"
)

// TestLife is the life of a cluster, from nothing to nothing, with one node and with three.
func TestLife(t *testing.T) {
	for _, nodes := range []int{1, 3} {
		t.Run(fmt.Sprintf("%d nodes", nodes), func(t *testing.T) {
			c := cluster{t}
			before := look(t)
			c.up("--nodes", fmt.Sprint(nodes))
			pods := c.apply(nodes)
			c.survivesServer(pods)
			c.survivesEverything(pods)

			c.must("down")
			if diff := cmp.Diff(before, look(t)); diff != "" {
				t.Errorf("the machine after down (-before +after):\n%s", diff)
			}
			c.must("up")
			if diff := cmp.Diff(uids(pods), uids(c.ready(nodes))); diff != "" {
				t.Errorf("pods after down and up (-before +after):\n%s", diff)
			}
			// Taken down when there is nobody left to ask.
			killAll(t)
			c.must("reset", "--yes")
			if diff := cmp.Diff(before, look(t)); diff != "" {
				t.Errorf("the machine after everything was killed and reset (-before +after):\n%s", diff)
			}
			if _, err := os.Stat(dataDir()); !os.IsNotExist(err) {
				t.Errorf("data directory after reset: %v", err)
			}
		})
	}
}

// survivesServer: pods go on while there is no server, and are not started again by the next one.
func (c cluster) survivesServer(pods []corev1.Pod) {
	c.t.Helper()
	run(c.t, "sh", "-c", "kill -9 $(cat "+filepath.Join(dataDir(), "lock")+")")
	for _, pod := range pods {
		if _, err := get("http://" + pod.Status.PodIP); err != nil {
			c.t.Errorf("pod on %s while the server is dead: %v", pod.Spec.NodeName, err)
		}
	}
	c.must("up")
	after := c.ready(len(pods))
	if diff := cmp.Diff(identities(pods), identities(after)); diff != "" {
		c.t.Errorf("containers after the server was killed (-before +after):\n%s", diff)
	}
	c.reach(after)
}

// survivesEverything: when all processes of the machine are killed, the cluster comes back with all that was stored.
func (c cluster) survivesEverything(pods []corev1.Pod) {
	c.t.Helper()
	c.kubectl("create", "configmap", "kept", "--from-literal=a=b")
	killAll(c.t)
	c.must("up")
	if got := c.kubectl("get", "configmap", "kept", "-o", "jsonpath={.data.a}"); got != "b" {
		c.t.Errorf("stored before everything was killed: %q", got)
	}
	after := c.ready(len(pods))
	if diff := cmp.Diff(uids(pods), uids(after)); diff != "" {
		c.t.Errorf("pods after everything was killed (-before +after):\n%s", diff)
	}
	c.reach(after)
}

// reach asks all pods, from this machine and by the API server.
func (c cluster) reach(pods []corev1.Pod) {
	c.t.Helper()
	for _, pod := range pods {
		c.eventually("the pod on "+pod.Spec.NodeName, func() error {
			_, err := get("http://" + pod.Status.PodIP)
			return err
		})
		if out := c.kubectl("get", "--raw", "/api/v1/namespaces/default/pods/"+pod.Name+":80/proxy/"); net.ParseIP(out) == nil {
			c.t.Errorf("pod on %s by the API server: %q", pod.Spec.NodeName, out)
		}
		if out, err := c.exec(pod, "cat", "/etc/hostname"); err != nil || out != pod.Name {
			c.t.Errorf("exec on %s: %q, %v", pod.Spec.NodeName, out, err)
		}
		if out := c.kubectl("logs", pod.Name); !strings.Contains(out, "serving") {
			c.t.Errorf("logs on %s: %q", pod.Spec.NodeName, out)
		}
	}
}

// TestPrograms: all five parts are programs of their own, on two nodes.
func TestPrograms(t *testing.T) {
	c := cluster{t}
	before := look(t)
	args := []string{"--nodes", "2"}
	for _, name := range []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy"} {
		args = append(args, "--program", name+"="+box.Bin(name))
	}
	c.up(args...)
	c.network(c.apply(2))
	running := "\n" + strings.Join(commands(t), "\n")
	for name, want := range map[string]int{"kube-apiserver": 1, "kube-controller-manager": 1, "kube-scheduler": 1, "kubelet": 2, "kube-proxy": 2} {
		if got := strings.Count(running, "\n"+box.Bin(name)+" --"); got != want {
			t.Errorf("%d processes of %s, want %d:\n%s", got, name, want, running)
		}
	}
	if out := c.must("logs", "scheduler"); !strings.Contains(out, "Caches are synced") {
		t.Errorf("log of the scheduler: %q", out)
	}
	killAll(t)
	if out, err := proa("up"); err == nil || !strings.Contains(out, "with other programs") {
		t.Errorf("up with other programs than before: %v, %s", err, out)
	}
	c.must(append([]string{"up"}, args...)...)
	c.reach(c.ready(2))
	c.must("reset", "--yes")
	if diff := cmp.Diff(before, look(t)); diff != "" {
		t.Errorf("the machine after reset (-before +after):\n%s", diff)
	}
}

// TestNodes does what can be done with nodes.
func TestNodes(t *testing.T) {
	c := cluster{t}
	c.up("--nodes", "3")
	defer c.must("reset", "--yes")
	pods := c.apply(3)
	t.Run("network", func(t *testing.T) { cluster{t}.network(pods) })
	t.Run("power cut", func(t *testing.T) { cluster{t}.powerCut(pods) })
	t.Run("add and delete", func(t *testing.T) { cluster{t}.addAndDelete() })
	t.Run("up again", func(t *testing.T) {
		c := cluster{t}
		if out := c.must("up", "--nodes", "2"); !strings.Contains(out, "It has 3 nodes, and keeps them") {
			t.Errorf("fewer nodes wanted than there are: %s", out)
		}
		if out := c.must("up", "--nodes", "4"); !strings.Contains(out, "Node node-4 is ready") {
			t.Errorf("one node more wanted: %s", out)
		}
		c.must("node", "delete", "node-4")
	})
}

// network: pods of all nodes reach each other, Services, and the world; and they see each other's own addresses.
func (c cluster) network(pods []corev1.Pod) {
	c.t.Helper()
	c.serveOutside()
	c.reach(pods)
	service := c.kubectl("get", "service", "web", "-o", "jsonpath={.spec.clusterIP}")
	for _, from := range pods {
		for _, to := range pods {
			if out, err := c.fetch(from, "http://"+to.Status.PodIP); err != nil || out != from.Status.PodIP {
				c.t.Errorf("pod on %s is %s; the pod on %s sees it as %q, %v", from.Spec.NodeName, from.Status.PodIP, to.Spec.NodeName, out, err)
			}
		}
		// As often as it takes for every endpoint to be picked, nearly for sure.
		for range 10 {
			if out, err := c.fetch(from, "http://web.default.svc.cluster.local"); err != nil {
				c.t.Errorf("pod on %s does not reach the Service: %q, %v", from.Spec.NodeName, out, err)
			}
		}
		if out, err := c.fetch(from, "http://"+box.World); err != nil || out != box.Address {
			c.t.Errorf("the world sees the pod on %s as %q, %v", from.Spec.NodeName, out, err)
		}
	}
	for range 10 {
		if _, err := get("http://" + service); err != nil {
			c.t.Errorf("the machine does not reach the Service: %v", err)
		}
	}
}

// powerCut: a node that loses its power is noticed, and comes back with its data.
func (c cluster) powerCut(pods []corev1.Pod) {
	c.t.Helper()
	before := c.on(pods, "node-2")
	if _, err := c.exec(before, "sh", "-c", "echo kept > /data/file"); err != nil {
		c.t.Fatal(err)
	}
	c.must("node", "stop", "node-2")
	for _, line := range commands(c.t) {
		if strings.Contains(line, "nodes/node-2") {
			c.t.Errorf("a process of the node goes on: %s", line)
		}
	}
	if out := c.must("node", "list"); !strings.Contains(out, "it is off") {
		c.t.Errorf("nodes while one is off:\n%s", out)
	}
	if out, err := proa("status"); err == nil || !strings.Contains(out, "node/node-2") {
		c.t.Errorf("status while a node is off: %v\n%s", err, out)
	}
	c.kubectl("wait", "node/node-2", "--for=condition=Ready=Unknown", "--timeout", patience.String())
	c.must("node", "start", "node-2")
	after := c.on(c.ready(3), "node-2")
	if after.UID != before.UID {
		c.t.Errorf("the node came back with another pod: %s, before %s", after.UID, before.UID)
	}
	if out, err := c.exec(after, "cat", "/data/file"); err != nil || out != "kept" {
		c.t.Errorf("data of the pod after a power cut: %q, %v", out, err)
	}
	if out := c.must("image", "list", "--node", "node-2"); !strings.Contains(out, "python") || strings.Contains(out, "node-3") {
		c.t.Errorf("images of the node after a power cut:\n%s", out)
	}
	if out := c.must("logs", "--node", "node-2", "kubelet"); !strings.Contains(out, "kubelet") {
		c.t.Errorf("log of the node's kubelet: %q", out)
	}
	c.reach(c.pods())
	if _, err := proa("node", "stop", "no-such-node"); err == nil {
		c.t.Error("a node that does not exist was stopped")
	}
}

// addAndDelete: a node joins a running cluster, and leaves it without a trace.
func (c cluster) addAndDelete() {
	c.t.Helper()
	before := look(c.t)
	if out := c.must("node", "add", "extra"); out != "Node extra is ready.\n" {
		c.t.Errorf("add: %q", out)
	}
	c.must("image", "load", "--node", "extra", box.Bin("images", "python.tar"))
	c.reach(c.ready(4))
	if _, err := proa("node", "add", "extra"); err == nil {
		c.t.Error("a node of the same name was added")
	}
	c.must("node", "delete", "extra")
	if out := c.kubectl("get", "nodes"); strings.Contains(out, "extra") {
		c.t.Errorf("nodes after one was deleted:\n%s", out)
	}
	if _, err := os.Stat(filepath.Join(dataDir(), "nodes", "extra")); !os.IsNotExist(err) {
		c.t.Errorf("data of the deleted node: %v", err)
	}
	c.ready(3)
	c.eventually("the route to the deleted node to go", func() error {
		if diff := cmp.Diff(before, look(c.t)); diff != "" {
			return fmt.Errorf("the machine after a node was added and deleted (-before +after):\n%s", diff)
		}
		return nil
	})
}
