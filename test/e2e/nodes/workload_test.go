package nodes

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// workload has one pod on each node, which tells everybody the address that they ask from, keeps files, and ends at once when
// it is told to.
const workload = `
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{port: 80}]
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      volumes: [{name: data, emptyDir: {}}]
      containers:
      - name: web
        image: python:3.11
        imagePullPolicy: Never
        volumeMounts: [{name: data, mountPath: /data}]
        readinessProbe: {httpGet: {path: /, port: 80}, periodSeconds: 1}
        command:
        - python3
        - -c
        - |
          import http.server, os, signal
          class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
              body = self.client_address[0].encode()
              self.send_response(200)
              self.send_header("Content-Length", str(len(body)))
              self.end_headers()
              self.wfile.write(body)
          signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
          print("serving", flush=True)
          http.server.ThreadingHTTPServer(("", 80), Handler).serve_forever()
`

// fetch is a program that prints a page.
const fetch = `import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1], timeout=5).read().decode())`

// apply makes the workload and waits until it is ready on all nodes.
func (c cluster) apply(nodes int) []corev1.Pod {
	c.t.Helper()
	file := filepath.Join(c.t.TempDir(), "workload.yaml")
	check(c.t, os.WriteFile(file, []byte(workload), 0o644))
	c.kubectl("apply", "-f", file)
	return c.ready(nodes)
}

// ready waits until the workload is ready on so many nodes and gives its pods.
func (c cluster) ready(nodes int) []corev1.Pod {
	c.t.Helper()
	var pods []corev1.Pod
	c.eventually(fmt.Sprintf("ready pods on %d nodes", nodes), func() error {
		pods = c.pods()
		ready := 0
		for _, pod := range pods {
			for _, condition := range pod.Status.Conditions {
				if condition.Type == corev1.PodReady && condition.Status == corev1.ConditionTrue {
					ready++
				}
			}
		}
		if len(pods) != nodes || ready != nodes {
			return fmt.Errorf("there are %d pods, %d of them ready", len(pods), ready)
		}
		return nil
	})
	return pods
}

func (c cluster) pods() []corev1.Pod {
	c.t.Helper()
	var list corev1.PodList
	out, err := proa("kubectl", "get", "pods", "-l", "app=web", "-o", "json")
	if err == nil {
		err = json.Unmarshal([]byte(out), &list)
	}
	if err != nil {
		return nil // the next look may find them
	}
	return list.Items
}

// on gives the pod on a node.
func (c cluster) on(pods []corev1.Pod, node string) corev1.Pod {
	c.t.Helper()
	for _, pod := range pods {
		if pod.Spec.NodeName == node {
			return pod
		}
	}
	c.t.Fatalf("no pod on node %s", node)
	return corev1.Pod{}
}

// identities are what must not change of pods that go on: which they are, and in which life each container is.
func identities(pods []corev1.Pod) map[string]string {
	found := map[string]string{}
	for _, pod := range pods {
		for _, status := range pod.Status.ContainerStatuses {
			found[string(pod.UID)+" "+status.Name] = status.ContainerID
		}
	}
	return found
}

// uids are which pods they are.
func uids(pods []corev1.Pod) map[string]bool {
	found := map[string]bool{}
	for _, pod := range pods {
		found[string(pod.UID)] = true
	}
	return found
}

// exec runs a command in a pod.
func (c cluster) exec(pod corev1.Pod, command ...string) (string, error) {
	out, err := proa(append([]string{"kubectl", "exec", pod.Name, "--"}, command...)...)
	return strings.TrimSpace(out), err
}

// fetch has a pod ask a web server and gives the answer, which is the address that the server sees.
func (c cluster) fetch(pod corev1.Pod, url string) (string, error) {
	return c.exec(pod, "python3", "-c", fetch, url)
}

// get asks a web server from this machine, each time by a new connection.
func get(url string) (string, error) {
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get(url)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", response.Status, body)
	}
	return string(body), err
}

// serveOutside serves, in the world beyond the machine, the address from which one asks.
func (c cluster) serveOutside() {
	c.t.Helper()
	var listener net.Listener
	check(c.t, outside.Do(func() (err error) {
		listener, err = net.Listen("tcp", ":80")
		return err
	}))
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, netip.MustParseAddrPort(r.RemoteAddr).Addr())
	})}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	c.t.Cleanup(func() {
		check(c.t, server.Close())
		<-ended
	})
}
