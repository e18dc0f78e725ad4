package binaries

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/remotecommand"
)

const namespace = "binaries"

// TestBinaries is the life of a cluster of five binaries.
func TestBinaries(t *testing.T) {
	c := newCluster(t)
	etcd, client := c.startEtcd()
	apiServer := c.startAPIServer(etcd, client)
	manager, scheduler := c.startControllerManager(), c.startScheduler()
	c.allowJoin()
	containerd, proxy, kubelet := c.startContainerd(), c.startProxy(), c.startKubelet()
	c.eventually("the node", c.nodeReady)
	c.approveServing()
	c.checkJoined()

	address := c.deploy()
	c.eventually("the web page by the cluster IP", func(context.Context) error { return get("http://"+address+"/", "greeting one") })
	pod := c.webPod()
	c.eventually("the kubelet's serving certificate", func(ctx context.Context) error { return second(c.exec(ctx, pod, "true")) })
	c.checkKubeletAPI(pod)
	c.checkIdentities(pod)
	c.checkRefresh(pod)

	c.stop(kubelet)
	kubelet = c.startKubelet()
	c.checkRestarted(pod)
	apiServer = c.checkStatic(apiServer)
	c.checkElections(scheduler, manager)
	scheduler, manager = c.startScheduler(), c.startControllerManager()

	if err := c.admin.CoreV1().Namespaces().Delete(t.Context(), namespace, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	c.eventually("the end of the namespace", func(ctx context.Context) error {
		_, err := c.admin.CoreV1().Namespaces().Get(ctx, namespace, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return fmt.Errorf("namespace is still there: %w", orNotYet(err))
	})
	c.eventually("nothing to be left of pods", func(context.Context) error {
		if left := append(leftLinks(t), c.leftCgroups()...); len(left) > 0 {
			return fmt.Errorf("left: %v", left)
		}
		return nil
	})
	for _, p := range []*process{kubelet, proxy, scheduler, manager, apiServer, containerd} {
		c.stop(p)
	}
	c.closeEtcd()
	if out, err := exec.Command(filepath.Join(c.bin, "kube-proxy"), "--cleanup").CombinedOutput(); err != nil {
		t.Errorf("kube-proxy --cleanup: %v: %s", err, out)
	}
	for _, left := range c.leftovers() {
		t.Errorf("left over: %s", left)
	}
}

func orNotYet(err error) error {
	if err == nil {
		return errNotYet
	}
	return err
}

func (c *cluster) nodeReady(ctx context.Context) error {
	node, err := c.admin.CoreV1().Nodes().Get(ctx, nodeName, metav1.GetOptions{})
	if err != nil {
		return err
	}
	for _, condition := range node.Status.Conditions {
		if condition.Type == v1.NodeReady && condition.Status == v1.ConditionTrue {
			return nil
		}
	}
	return fmt.Errorf("conditions are %v", node.Status.Conditions)
}

// deploy makes a web server that shows a config map, and returns its cluster IP.
func (c *cluster) deploy() string {
	c.t.Helper()
	ctx := c.t.Context()
	labels := map[string]string{"app": "web"}
	pod := v1.PodSpec{
		TerminationGracePeriodSeconds: new(int64(2)),
		Containers: []v1.Container{{
			Name: "web", Image: image, ImagePullPolicy: v1.PullNever,
			VolumeMounts: []v1.VolumeMount{{Name: "page", MountPath: "/usr/share/nginx/html"}},
			Env: []v1.EnvVar{{Name: "PASSWORD", ValueFrom: &v1.EnvVarSource{SecretKeyRef: &v1.SecretKeySelector{
				LocalObjectReference: v1.LocalObjectReference{Name: "used"}, Key: "password",
			}}}},
			ReadinessProbe: &v1.Probe{
				PeriodSeconds: 1, ProbeHandler: v1.ProbeHandler{HTTPGet: &v1.HTTPGetAction{Path: "/", Port: intstr.FromInt32(80)}},
			},
		}},
		Volumes: []v1.Volume{{Name: "page", VolumeSource: v1.VolumeSource{ConfigMap: &v1.ConfigMapVolumeSource{
			LocalObjectReference: v1.LocalObjectReference{Name: "page"},
		}}}},
	}
	core := c.admin.CoreV1()
	make := func(what string, err error) {
		c.t.Helper()
		if err != nil {
			c.t.Fatalf("create %s: %v", what, err)
		}
	}
	_, err := core.Namespaces().Create(ctx, &v1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}, metav1.CreateOptions{})
	make("namespace", err)
	_, err = core.ConfigMaps(namespace).Create(ctx, &v1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "page"}, Data: map[string]string{"index.html": "greeting one"}}, metav1.CreateOptions{})
	make("config map", err)
	for _, name := range []string{"used", "unused"} {
		secret := &v1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name}, StringData: map[string]string{"password": "opensesame"}}
		_, err = core.Secrets(namespace).Create(ctx, secret, metav1.CreateOptions{})
		make("secret", err)
	}
	deployment := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec: appsv1.DeploymentSpec{
			Replicas: new(int32(2)), Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: v1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: pod},
		},
	}
	_, err = c.admin.AppsV1().Deployments(namespace).Create(ctx, deployment, metav1.CreateOptions{})
	make("deployment", err)
	service, err := core.Services(namespace).Create(ctx, &v1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: "web"}, Spec: v1.ServiceSpec{Selector: labels, Ports: []v1.ServicePort{{Port: 80}}},
	}, metav1.CreateOptions{})
	make("service", err)
	c.eventually("the deployment", func(ctx context.Context) error {
		got, err := c.admin.AppsV1().Deployments(namespace).Get(ctx, "web", metav1.GetOptions{})
		if err == nil && got.Status.AvailableReplicas != 2 {
			err = fmt.Errorf("status is %+v", got.Status)
		}
		return err
	})
	return service.Spec.ClusterIP
}

func get(url, want string) error {
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get(url)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && string(body) != want {
		err = fmt.Errorf("got %s %q, want %q", response.Status, body, want)
	}
	return err
}

// webPod is one pod of the deployment.
func (c *cluster) webPod() *v1.Pod {
	c.t.Helper()
	list, err := c.admin.CoreV1().Pods(namespace).List(c.t.Context(), metav1.ListOptions{LabelSelector: "app=web"})
	if err != nil || len(list.Items) != 2 {
		c.t.Fatalf("%d pods, error %v", len(list.Items), err)
	}
	return &list.Items[0]
}

// exec runs a command in the pod, by way of the API server and the kubelet.
func (c *cluster) exec(ctx context.Context, pod *v1.Pod, command ...string) (string, error) {
	request := c.admin.CoreV1().RESTClient().Post().Resource("pods").Namespace(pod.Namespace).Name(pod.Name).SubResource("exec").
		VersionedParams(&v1.PodExecOptions{Command: command, Stdout: true, Stderr: true}, scheme.ParameterCodec)
	executor, err := remotecommand.NewWebSocketExecutor(c.rest, http.MethodGet, request.URL().String())
	if err != nil {
		return "", err
	}
	var stdout, stderr bytes.Buffer
	err = executor.StreamWithContext(ctx, remotecommand.StreamOptions{Stdout: &stdout, Stderr: &stderr})
	return stdout.String() + stderr.String(), err
}

// checkKubeletAPI uses what the API server asks the kubelet for.
func (c *cluster) checkKubeletAPI(pod *v1.Pod) {
	c.t.Helper()
	ctx := c.t.Context()
	if out, err := c.exec(ctx, pod, "sh", "-c", "echo $PASSWORD"); err != nil || strings.TrimSpace(out) != "opensesame" {
		c.t.Errorf("exec: got %q, error %v", out, err)
	}
	logs, err := c.admin.CoreV1().Pods(namespace).GetLogs(pod.Name, &v1.PodLogOptions{}).DoRaw(ctx)
	if err != nil || !bytes.Contains(logs, []byte("GET /")) {
		c.t.Errorf("logs: got %q, error %v", logs, err)
	}
	metrics, err := c.admin.CoreV1().RESTClient().Get().AbsPath("/api/v1/nodes/" + nodeName + "/proxy/metrics").DoRaw(ctx)
	if err != nil || !bytes.Contains(metrics, []byte("\nkubelet_running_pods 2\n")) {
		c.t.Errorf("metrics: got %q, error %v", metrics, err)
	}
}

// checkIdentities: a node sees what its own pods use and may touch no other node.
func (c *cluster) checkIdentities(pod *v1.Pod) {
	c.t.Helper()
	ctx := c.t.Context()
	own, _ := c.clientOf("system:node:" + nodeName)
	other, _ := c.clientOf("system:node:other")
	if _, err := own.CoreV1().Secrets(namespace).Get(ctx, "used", metav1.GetOptions{}); err != nil {
		c.t.Errorf("the node reads a secret of its pod: %v", err)
	}
	for what, err := range map[string]error{
		"a secret that no pod uses":     second(own.CoreV1().Secrets(namespace).Get(ctx, "unused", metav1.GetOptions{})),
		"all secrets":                   second(own.CoreV1().Secrets(namespace).List(ctx, metav1.ListOptions{})),
		"a secret of another node":      second(other.CoreV1().Secrets(namespace).Get(ctx, "used", metav1.GetOptions{})),
		"the labels of another node":    second(other.CoreV1().Nodes().Patch(ctx, nodeName, "application/merge-patch+json", []byte(`{"metadata":{"labels":{"a":"b"}}}`), metav1.PatchOptions{})),
		"the deletion of a foreign pod": other.CoreV1().Pods(namespace).Delete(ctx, pod.Name, metav1.DeleteOptions{}),
	} {
		if !apierrors.IsForbidden(err) {
			c.t.Errorf("%s is not forbidden: %v", what, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// checkRefresh: a changed config map reaches the pod by the kubelet's watch of that object.
func (c *cluster) checkRefresh(pod *v1.Pod) {
	c.t.Helper()
	page, err := c.admin.CoreV1().ConfigMaps(namespace).Get(c.t.Context(), "page", metav1.GetOptions{})
	if err == nil {
		page.Data["index.html"] = "greeting two"
		_, err = c.admin.CoreV1().ConfigMaps(namespace).Update(c.t.Context(), page, metav1.UpdateOptions{})
	}
	if err != nil {
		c.t.Fatal(err)
	}
	c.eventually("the new page", func(context.Context) error { return get("http://"+pod.Status.PodIP+"/", "greeting two") })
}

// checkRestarted: the kubelet has taken up its pods as they were.
func (c *cluster) checkRestarted(before *v1.Pod) {
	c.t.Helper()
	c.eventually("the kubelet to serve again", func(ctx context.Context) error {
		_, err := c.exec(ctx, before, "true")
		return err
	})
	after, err := c.admin.CoreV1().Pods(namespace).Get(c.t.Context(), before.Name, metav1.GetOptions{})
	if err != nil {
		c.t.Fatal(err)
	}
	was, is := before.Status.ContainerStatuses[0], after.Status.ContainerStatuses[0]
	if was.ContainerID != is.ContainerID || is.RestartCount != 0 || !is.Ready {
		c.t.Errorf("after a restart of the kubelet the container is %+v, was %+v", is, was)
	}
}

// checkElections: who ends gives its lease back.
func (c *cluster) checkElections(leaders ...*process) {
	c.t.Helper()
	for _, leader := range leaders {
		c.stop(leader)
		lease, err := c.admin.CoordinationV1().Leases("kube-system").Get(c.t.Context(), leader.name, metav1.GetOptions{})
		if err != nil {
			c.t.Fatal(err)
		}
		if holder := lease.Spec.HolderIdentity; holder != nil && *holder != "" {
			c.t.Errorf("the lease of %s is still held by %s", leader.name, *holder)
		}
	}
}
