package binaries

import (
	"context"
	"fmt"
	"os"
	"strings"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// staticPod serves a page on port 80 of the node.
const staticPod = `apiVersion: v1
kind: Pod
metadata: {name: static, namespace: kube-system, labels: {tier: control-plane}}
spec:
  hostNetwork: true
  terminationGracePeriodSeconds: 1
  containers:
  - name: web
    image: IMAGE
    imagePullPolicy: Never
    command: [sh, -c, "echo -n 'PAGE' > /usr/share/nginx/html/index.html; exec nginx -g 'daemon off;'"]
    resources: {requests: {cpu: 10m}}
    readinessProbe: {periodSeconds: 1, httpGet: {path: /, port: 80}}
`

// setStatic writes the manifest of the static pod.
func (c *cluster) setStatic(page string) {
	c.t.Helper()
	text := strings.NewReplacer("IMAGE", image, "PAGE", page).Replace(staticPod)
	// As careful writers do: the kubelet never sees half of it.
	write(c.t, c.path("manifests/.static.yaml"), text)
	if err := os.Rename(c.path("manifests/.static.yaml"), c.path("manifests/static.yaml")); err != nil {
		c.t.Fatal(err)
	}
}

// mirror waits for the mirror of the static pod to be ready. It must not have the UID.
func (c *cluster) mirror(not types.UID) (mirror *v1.Pod) {
	c.t.Helper()
	c.eventually("the mirror of the static pod", func(ctx context.Context) error {
		pod, err := c.admin.CoreV1().Pods("kube-system").Get(ctx, "static-"+nodeName, metav1.GetOptions{})
		if err != nil {
			return err
		}
		mirror = pod
		if pod.UID == not {
			return fmt.Errorf("it is the old one: %w", errNotYet)
		}
		for _, condition := range pod.Status.Conditions {
			if condition.Type == v1.PodReady && condition.Status == v1.ConditionTrue && pod.Status.Phase == v1.PodRunning {
				return nil
			}
		}
		return fmt.Errorf("its status is %+v", pod.Status)
	})
	return mirror
}

// checkStatic is the life of a static pod. It returns the API server, which was started anew.
func (c *cluster) checkStatic(apiServer *process) *process {
	c.t.Helper()
	url := "http://" + nodeIP + "/"
	c.setStatic("static one")
	first := c.mirror("")
	if err := get(url, "static one"); err != nil {
		c.t.Error(err)
	}
	if owner := first.OwnerReferences; len(owner) != 1 || owner[0].Kind != "Node" || owner[0].Name != nodeName || first.Labels["tier"] != "control-plane" {
		c.t.Errorf("the mirror belongs to %v and has labels %v", owner, first.Labels)
	}
	// A mirror that is deleted comes again; what it shows has gone on running.
	if err := c.admin.CoreV1().Pods("kube-system").Delete(c.t.Context(), first.Name, metav1.DeleteOptions{}); err != nil {
		c.t.Fatal(err)
	}
	second := c.mirror(first.UID)
	if a, b := first.Status.ContainerStatuses[0].ContainerID, second.Status.ContainerStatuses[0].ContainerID; a != b {
		c.t.Errorf("the container was %s and is %s", a, b)
	}
	// Without an API server the file still counts.
	c.kill(apiServer)
	c.setStatic("static two")
	c.eventually("the changed static pod without an API server", func(context.Context) error { return get(url, "static two") })
	apiServer = c.runAPIServer()
	c.mirror(second.UID)
	if err := os.Remove(c.path("manifests/static.yaml")); err != nil {
		c.t.Fatal(err)
	}
	c.eventually("the end of the static pod", func(ctx context.Context) error {
		_, err := c.admin.CoreV1().Pods("kube-system").Get(ctx, first.Name, metav1.GetOptions{})
		if !apierrors.IsNotFound(err) {
			return fmt.Errorf("its mirror is there: %w", orNotYet(err))
		}
		return nil
	})
	if get(url, "static two") == nil {
		c.t.Error("the page is still served")
	}
	return apiServer
}
