package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestNginx is example 1: a Deployment, and every way to look into a pod.
func TestNginx(t *testing.T) {
	c := newCluster(t)
	c.apply("nginx.yaml")
	c.rollout("deployment/nginx")
	if got := c.field("deployment/nginx", "{.status.readyReplicas}"); got != "3" {
		t.Errorf("ready replicas: got %s", got)
	}
	pod := c.firstPod("app=nginx")
	for _, want := range []string{"Limits:", "500m", "64Mi", "Started"} {
		if out := c.kubectl("describe", "pod", pod); !strings.Contains(out, want) {
			t.Errorf("describe pod lacks %q:\n%s", want, out)
		}
	}
	if out := c.kubectl("get", "pods"); strings.Count(out, "Running") != 3 {
		t.Errorf("get pods:\n%s", out)
	}
	if out := c.kubectl("exec", pod, "--", "sh", "-c", "echo in $HOSTNAME"); !strings.Contains(out, "in "+pod) {
		t.Errorf("exec: got %q", out)
	}

	shell := c.start("exec", "-i", pod, "--", "sh")
	fmt.Fprintln(shell.stdin, "echo $((6 * 7))")
	c.waitForText(shell, "42")

	forward := c.start("port-forward", pod, "18080:80")
	c.waitForText(forward, "Forwarding from")
	if body, err := get("http://127.0.0.1:18080/"); err != nil || !strings.Contains(body, "nginx") {
		t.Errorf("through port-forward: %q, %v", body, err)
	}

	logs := c.start("logs", "-f", pod)
	c.eventually("a line in the log that is followed", func() error {
		if _, err := get("http://127.0.0.1:18080/a-request"); err == nil {
			return fmt.Errorf("a page that is not there was found")
		}
		if !strings.Contains(logs.text(), "/a-request") {
			return fmt.Errorf("got %q", logs.text())
		}
		return nil
	})

	file := filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(file, []byte("copied"), 0o644); err != nil {
		t.Fatal(err)
	}
	c.kubectl("cp", file, pod+":/tmp/page.html")
	if out := c.kubectl("exec", pod, "--", "cat", "/tmp/page.html"); out != "copied" {
		t.Errorf("after cp: got %q", out)
	}
}

// TestAttach attaches to a container's main process.
func TestAttach(t *testing.T) {
	c := newCluster(t)
	c.kubectl("run", "echo", "--image=busybox:1.36", "--stdin", "--attach=false", "--restart=Never", "--", "sh", "-c", "while read line; do echo got $line; done")
	c.kubectl("wait", "pod/echo", "--for=condition=Ready", "--timeout", patience.String())
	attached := c.start("attach", "-i", "echo")
	fmt.Fprintln(attached.stdin, "this")
	c.waitForText(attached, "got this")
}

// TestFlask is example 2: a program from a ConfigMap behind a Service, reached in every way there is.
func TestFlask(t *testing.T) {
	c := newCluster(t)
	c.apply("flask.yaml")
	c.rollout("deployment/flask")
	node := c.kubectl("get", "nodes", "-o", `jsonpath={.items[0].status.addresses[?(@.type=="InternalIP")].address}`)
	address := c.field("service/flask-service", "{.spec.clusterIP}")
	for name, url := range map[string]string{"node port": "http://" + node + ":30080/", "cluster IP": "http://" + address + "/"} {
		c.eventually(name, func() error {
			body, err := get(url)
			if err == nil && !strings.Contains(body, "Hello from Flask") {
				err = fmt.Errorf("got %q", body)
			}
			return err
		})
	}
	c.kubectl("run", "client", "--image=busybox:1.36", "--restart=Never", "--command", "--", "sleep", "infinity")
	c.kubectl("wait", "pod/client", "--for=condition=Ready", "--timeout", patience.String())
	for _, name := range []string{"flask-service", "flask-service." + c.namespace + ".svc.cluster.local", address} {
		if out := c.kubectl("exec", "client", "--", "wget", "-qO-", "http://"+name+"/"); !strings.Contains(out, "Hello from Flask") {
			t.Errorf("from a pod by %s: got %q", name, out)
		}
	}
	c.kubectl("delete", "pod", "client", "--grace-period=1")
}

// TestRollingUpdate is example 3. Somebody asks the Service without a pause, and never in vain.
func TestRollingUpdate(t *testing.T) {
	c := newCluster(t)
	c.apply("rolling.yaml")
	c.rollout("deployment/web")
	url := "http://" + c.field("service/web", "{.spec.clusterIP}") + "/"
	c.eventually("the service", func() error { _, err := get(url); return err })
	stop := c.load(url)

	c.kubectl("set", "image", "deployment/web", "web=nginx:1.28")
	c.rollout("deployment/web")
	if out := c.kubectl("rollout", "history", "deployment/web"); !strings.Contains(out, "1 ") || !strings.Contains(out, "2 ") {
		t.Errorf("rollout history:\n%s", out)
	}
	c.kubectl("set", "image", "deployment/web", "web=nginx:does-not-exist")
	if out, err := c.try("rollout", "status", "deployment/web", "--timeout", patience.String()); err == nil || !strings.Contains(out, "exceeded its progress deadline") {
		t.Errorf("rollout of an image that does not exist: %v: %s", err, out)
	}
	if got := c.field("deployment/web", "{.status.availableReplicas}"); got != "3" {
		t.Errorf("available replicas while the update hangs: got %s", got)
	}
	c.kubectl("rollout", "undo", "deployment/web")
	c.rollout("deployment/web")
	if got := c.field("deployment/web", "{.spec.template.spec.containers[0].image}"); got != "nginx:1.28" {
		t.Errorf("image after undo: got %s", got)
	}
	stop()
}

// TestBlueGreen is example 4: traffic flips with a patch, pods and containers that end are replaced.
func TestBlueGreen(t *testing.T) {
	c := newCluster(t)
	c.apply("bluegreen.yaml")
	c.rollout("deployment/blue")
	c.rollout("deployment/green")
	url := "http://" + c.field("service/shop", "{.spec.clusterIP}") + "/"
	answers := func(want string) {
		t.Helper()
		c.eventually("the page "+want, func() error {
			body, err := get(url)
			if err == nil && strings.TrimSpace(body) != want {
				err = fmt.Errorf("got %q", body)
			}
			return err
		})
	}
	answers("blue")
	c.kubectl("patch", "service", "shop", "-p", `{"spec":{"selector":{"version":"green"}}}`)
	answers("green")

	c.kubectl("scale", "deployment/green", "--replicas=3")
	c.rollout("deployment/green")
	pod := c.firstPod("version=green")
	c.kubectl("delete", "pod", pod)
	c.rollout("deployment/green")
	if out := c.kubectl("get", "pods", "-l", "version=green", "-o", "name"); strings.Contains(out, pod) || strings.Count(out, "pod/") != 3 {
		t.Errorf("pods after one was deleted:\n%s", out)
	}

	pod = c.firstPod("version=green")
	c.kubectl("exec", pod, "--", "sh", "-c", "kill -QUIT 1")
	c.eventually("the restart of the container", func() error {
		if got := c.field("pod/"+pod, "{.status.containerStatuses[0].restartCount}"); got != "1" {
			return fmt.Errorf("restart count is %s", got)
		}
		return nil
	})
	c.kubectl("wait", "pod/"+pod, "--for=condition=Ready", "--timeout", patience.String())
}

// TestSecret is the first part of example 5: secrets, an init container and a sidecar.
func TestSecret(t *testing.T) {
	c := newCluster(t)
	c.apply("secret.yaml")
	c.kubectl("wait", "pod/app", "--for=condition=Ready", "--timeout", patience.String())
	if out := c.kubectl("exec", "app", "-c", "app", "--", "cat", "/credentials/password"); out != "hunter2" {
		t.Errorf("secret as a file: got %q", out)
	}
	if out := c.kubectl("logs", "app", "-c", "app"); !strings.Contains(out, "prepared") {
		t.Errorf("what the init container left: got %q", out)
	}
	c.eventually("a line from the sidecar", func() error {
		if out := c.kubectl("logs", "app", "-c", "shipper"); !strings.Contains(out, "user admin") {
			return fmt.Errorf("got %q", out)
		}
		return nil
	})
	c.kubectl("delete", "pod", "app", "--grace-period=1")
}

// TestWorkloads is the rest of example 5.
func TestWorkloads(t *testing.T) {
	c := newCluster(t)
	c.apply("job.yaml")
	c.apply("daemonset.yaml")
	c.apply("statefulset.yaml")
	c.kubectl("wait", "job/sum", "--for=condition=Complete", "--timeout", patience.String())
	if out := c.kubectl("logs", "job/sum"); strings.TrimSpace(out) != "42" && !strings.Contains(out, "42") {
		t.Errorf("log of the job: got %q", out)
	}
	c.rollout("daemonset/agent")
	c.rollout("statefulset/redis")
	if out := c.kubectl("exec", "redis-0", "--", "redis-cli", "-h", "redis-1.redis", "ping"); strings.TrimSpace(out) != "PONG" {
		t.Errorf("redis-1 by its name: got %q", out)
	}
	c.kubectl("delete", "pod", "redis-1")
	c.rollout("statefulset/redis")
	if out := c.kubectl("get", "pod", "redis-1"); !strings.Contains(out, "Running") {
		t.Errorf("redis-1 after it was deleted:\n%s", out)
	}
}

// TestNamespace is the first part of example 6: a namespace goes with all that is in it.
func TestNamespace(t *testing.T) {
	c := newCluster(t)
	const name = "doomed"
	c.kubectl("create", "namespace", name)
	c.eventually("the default service account", func() error {
		_, err := c.try("get", "serviceaccount", "default", "--namespace", name)
		return err
	})
	c.kubectl("apply", "-f", example+"nginx.yaml", "--namespace", name)
	c.kubectl("rollout", "status", "deployment/nginx", "--namespace", name, "--timeout", patience.String())
	c.kubectl("create", "configmap", "some", "--from-literal=a=b", "--namespace", name)
	c.kubectl("delete", "namespace", name, "--timeout", patience.String())
	if out, err := c.try("get", "namespace", name); err == nil || !strings.Contains(out, "NotFound") {
		t.Errorf("namespace after its deletion: %v: %s", err, out)
	}
	if out := c.kubectl("get", "pods", "--all-namespaces", "-o", "name", "-l", "app=nginx"); strings.Contains(out, "pod/") {
		t.Errorf("pods after the deletion of their namespace:\n%s", out)
	}
}

// TestReader is the rest of example 6: a service account may do what its role says, and nothing else.
func TestReader(t *testing.T) {
	c := newCluster(t)
	c.apply("reader.yaml")
	reader := "system:serviceaccount:" + c.namespace + ":reader"
	c.kubectl("get", "pods", "--as", reader)
	for _, args := range [][]string{
		{"get", "secrets"}, {"delete", "pod", "some"}, {"get", "nodes"}, {"get", "pods", "--namespace", "kube-system"}, {"create", "configmap", "a"},
	} {
		if out, err := c.try(append(args, "--as", reader)...); err == nil || !strings.Contains(out, "Forbidden") && !strings.Contains(out, "forbidden") {
			t.Errorf("kubectl %v as the reader: %v: %s", args, err, out)
		}
	}
}

// TestInvalid shows the API's own errors for bad objects.
func TestInvalid(t *testing.T) {
	c := newCluster(t)
	file := filepath.Join(t.TempDir(), "bad.yaml")
	bad := "apiVersion: v1\nkind: Pod\nmetadata: {name: bad}\nspec:\n  containers:\n  - name: Not_A_Name\n    image: busybox\n    ports: [{containerPort: 99999}]\n"
	if err := os.WriteFile(file, []byte(bad), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := c.try("apply", "-f", file)
	for _, want := range []string{"spec.containers[0].name", "spec.containers[0].ports[0].containerPort"} {
		if err == nil || !strings.Contains(out, want) {
			t.Errorf("an invalid pod: want %s in %q", want, out)
		}
	}
}
