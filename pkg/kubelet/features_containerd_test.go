package kubelet_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/proa-sh/proa/pkg/kubelet/runtime/containerdtest"
)

// log reads what the pod's container has written.
func (r *rig) log(pod, container string) string {
	r.Helper()
	files, err := filepath.Glob(filepath.Join(r.containerd.Dir, "pods", "test_"+pod+"_*", container, "*.log"))
	if err != nil || len(files) == 0 {
		r.Fatalf("no log of %s/%s: %v", pod, container, err)
	}
	text, err := os.ReadFile(files[len(files)-1])
	if err != nil {
		r.Fatal(err)
	}
	var b strings.Builder
	for line := range strings.Lines(string(text)) {
		// Time, stream, tag, text.
		parts := strings.SplitN(line, " ", 4)
		b.WriteString(parts[len(parts)-1])
	}
	return b.String()
}

func succeeded(p *v1.Pod) bool { return p != nil && p.Status.Phase == v1.PodSucceeded }

func TestContainerdFeatures(t *testing.T) {
	r := newRig(t)
	t.Run("environment and volumes", func(t *testing.T) { testEnvironment(r.with(t)) })
	t.Run("identity", func(t *testing.T) { testIdentity(r.with(t)) })
	t.Run("probes over the network, hooks", func(t *testing.T) { testHooks(r.with(t)) })
	t.Run("sidecars", func(t *testing.T) { testSidecar(r.with(t)) })
	t.Run("resize", func(t *testing.T) { testResize(r.with(t)) })
	t.Run("killed after its grace period", func(t *testing.T) { testStubborn(r.with(t)) })
	t.Run("deleted while the kubelet is down", func(t *testing.T) { testDownDelete(r.with(t)) })
	t.Run("the runtime dies", func(t *testing.T) { testRuntimeDies(r.with(t)) })
	t.Run("refused", func(t *testing.T) { testRefused(r.with(t)) })
}

func testEnvironment(r *rig) {
	ctx := context.Background()
	cm := &v1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "cm", Namespace: "test"}, Data: map[string]string{"key": "from-map", "file": "content"}}
	if _, err := r.client.CoreV1().ConfigMaps("test").Create(ctx, cm, metav1.CreateOptions{}); err != nil {
		r.Fatal(err)
	}
	env := v1.Container{Name: "env", Args: []string{"env"}, Env: []v1.EnvVar{
		{Name: "A", ValueFrom: &v1.EnvVarSource{ConfigMapKeyRef: &v1.ConfigMapKeySelector{LocalObjectReference: v1.LocalObjectReference{Name: "cm"}, Key: "key"}}},
		{Name: "B", Value: "$(A)-$(MISSING)-$$(A)"},
		{Name: "IP", ValueFrom: &v1.EnvVarSource{FieldRef: &v1.ObjectFieldSelector{FieldPath: "status.podIP"}}},
		{Name: "HOST", ValueFrom: &v1.EnvVarSource{FieldRef: &v1.ObjectFieldSelector{FieldPath: "status.hostIP"}}},
	}}
	files := run("cat", "/cm/file", "/sub", "/etc/hosts", "/etc/resolv.conf")
	files.VolumeMounts = []v1.VolumeMount{{Name: "cm", MountPath: "/cm"}, {Name: "cm", MountPath: "/sub", SubPath: "key"}}
	r.create("env", v1.PodSpec{
		RestartPolicy: v1.RestartPolicyNever, InitContainers: []v1.Container{env}, Containers: []v1.Container{files},
		DNSPolicy: v1.DNSClusterFirst, HostAliases: []v1.HostAlias{{IP: "192.0.2.7", Hostnames: []string{"alias"}}},
		Volumes: []v1.Volume{{Name: "cm", VolumeSource: v1.VolumeSource{ConfigMap: &v1.ConfigMapVolumeSource{
			LocalObjectReference: v1.LocalObjectReference{Name: "cm"}, DefaultMode: new(int32(0o644))}}}},
	})
	pod := r.wait("env", "succeeded", succeeded)
	got := r.log("env", "env")
	for _, want := range []string{"A=from-map\n", "B=from-map-$(MISSING)-$(A)\n", "IP=" + pod.Status.PodIP + "\n", "HOST=" + hostIP + "\n", "HOSTNAME=env\n"} {
		if !strings.Contains(got, want) {
			r.Errorf("environment lacks %q:\n%s", want, got)
		}
	}
	got = r.log("env", "c")
	for _, want := range []string{"contentfrom-map", "# Kubernetes-managed hosts file.\n", pod.Status.PodIP + "\tenv\n", "192.0.2.7\talias\n",
		"search test.svc.cluster.local svc.cluster.local cluster.local", "nameserver 10.96.0.10\n", "options ndots:5\n"} {
		if !strings.Contains(got, want) {
			r.Errorf("files lack %q:\n%s", want, got)
		}
	}
	r.remove("env")
	r.wait("env", "gone", gone)
	if left, err := filepath.Glob(filepath.Join(r.containerd.Dir, "kubelet", "pods", "env-uid*")); err != nil || len(left) > 0 {
		r.Errorf("left on the node: %v %v", left, err)
	}
}

func testIdentity(r *rig) {
	c := run("id")
	c.SecurityContext = &v1.SecurityContext{RunAsGroup: new(int64(3000))}
	r.create("identity", v1.PodSpec{
		RestartPolicy: v1.RestartPolicyNever, Containers: []v1.Container{c},
		SecurityContext: &v1.PodSecurityContext{RunAsUser: new(int64(1000)), FSGroup: new(int64(2000)), SupplementalGroups: []int64{4000}},
	})
	r.wait("identity", "succeeded", succeeded)
	if got := r.log("identity", "c"); !strings.HasPrefix(got, "1000 3000 [") || !strings.Contains(got, "2000") || !strings.Contains(got, "4000") {
		r.Errorf("identity is %q", got)
	}
	root := run("id")
	root.SecurityContext = &v1.SecurityContext{RunAsNonRoot: new(true)}
	r.create("root", v1.PodSpec{Containers: []v1.Container{root}})
	r.wait("root", "refused", func(p *v1.Pod) bool {
		return p != nil && len(p.Status.ContainerStatuses) == 1 && p.Status.ContainerStatuses[0].State.Waiting != nil &&
			p.Status.ContainerStatuses[0].State.Waiting.Reason == "CreateContainerConfigError"
	})
	for _, name := range []string{"identity", "root"} {
		r.remove(name)
		r.wait(name, "gone", gone)
	}
}

func testHooks(r *rig) {
	exec := func(args ...string) *v1.ExecAction {
		return &v1.ExecAction{Command: append([]string{containerdtest.Program}, args...)}
	}
	c := run("serve", "8080")
	c.Ports = []v1.ContainerPort{{Name: "web", ContainerPort: 8080}}
	c.Lifecycle = &v1.Lifecycle{
		PostStart: &v1.LifecycleHandler{Exec: exec("write", "/tmp/ok", "")},
		PreStop:   &v1.LifecycleHandler{Exec: exec("write", "/v/stopped", "yes")},
	}
	c.VolumeMounts = []v1.VolumeMount{{Name: "v", MountPath: "/v"}}
	c.ReadinessProbe = &v1.Probe{
		ProbeHandler:  v1.ProbeHandler{HTTPGet: &v1.HTTPGetAction{Path: "/", Port: intstr.FromString("web")}},
		PeriodSeconds: 1, TimeoutSeconds: 1, SuccessThreshold: 1, FailureThreshold: 1,
	}
	c.LivenessProbe = &v1.Probe{
		ProbeHandler:  v1.ProbeHandler{TCPSocket: &v1.TCPSocketAction{Port: intstr.FromInt32(8080)}},
		PeriodSeconds: 1, TimeoutSeconds: 1, SuccessThreshold: 1, FailureThreshold: 3,
	}
	dir := filepath.Join(r.containerd.Dir, "shared")
	r.create("hooks", v1.PodSpec{
		Containers: []v1.Container{c},
		Volumes: []v1.Volume{{Name: "v", VolumeSource: v1.VolumeSource{HostPath: &v1.HostPathVolumeSource{
			Path: dir, Type: new(v1.HostPathDirectoryOrCreate)}}}},
	})
	r.wait("hooks", "ready", ready)
	r.remove("hooks")
	r.wait("hooks", "gone", gone)
	if text, err := os.ReadFile(filepath.Join(dir, "stopped")); err != nil || string(text) != "yes" {
		r.Errorf("preStop left %q, %v", text, err)
	}
}

func testSidecar(r *rig) {
	side := v1.Container{Name: "side", Args: []string{"touch-and-wait", "/tmp/up"}, RestartPolicy: new(v1.ContainerRestartPolicyAlways)}
	side.StartupProbe = &v1.Probe{
		ProbeHandler:  v1.ProbeHandler{Exec: &v1.ExecAction{Command: []string{containerdtest.Program, "exists", "/tmp/up"}}},
		PeriodSeconds: 1, TimeoutSeconds: 5, SuccessThreshold: 1, FailureThreshold: 3,
	}
	r.create("sidecar", v1.PodSpec{
		RestartPolicy: v1.RestartPolicyNever, InitContainers: []v1.Container{side}, Containers: []v1.Container{run("exit", "0")},
	})
	pod := r.wait("sidecar", "succeeded", succeeded)
	if s := pod.Status.InitContainerStatuses[0]; s.State.Terminated == nil || s.RestartCount != 0 {
		r.Errorf("sidecar's status is %+v", s)
	}
	r.remove("sidecar")
	r.wait("sidecar", "gone", gone)
}

func testResize(r *rig) {
	resources := func(cpu, memory string) v1.ResourceRequirements {
		list := v1.ResourceList{v1.ResourceCPU: resource.MustParse(cpu), v1.ResourceMemory: resource.MustParse(memory)}
		return v1.ResourceRequirements{Requests: list, Limits: list}
	}
	c := run("pause")
	c.Resources = resources("100m", "64Mi")
	r.create("resize", v1.PodSpec{Containers: []v1.Container{c}})
	pod := r.wait("resize", "ready", ready).DeepCopy()
	started := pod.Status.ContainerStatuses[0].ContainerID
	for _, to := range []v1.ResourceRequirements{resources("200m", "128Mi"), resources("50m", "96Mi")} {
		pod.Spec.Containers[0].Resources = to
		pod.Generation++
		if _, err := r.client.CoreV1().Pods("test").Update(context.Background(), pod, metav1.UpdateOptions{}); err != nil {
			r.Fatal(err)
		}
		pod = r.wait("resize", "resized", func(p *v1.Pod) bool {
			s := p.Status.ContainerStatuses[0]
			return p.Status.ObservedGeneration == p.Generation && s.Resources != nil &&
				s.Resources.Limits.Cpu().Cmp(*to.Limits.Cpu()) == 0 && s.Resources.Limits.Memory().Cmp(*to.Limits.Memory()) == 0 &&
				s.Resources.Requests.Cpu().Cmp(*to.Requests.Cpu()) == 0 && s.AllocatedResources.Cpu().Cmp(*to.Requests.Cpu()) == 0
		}).DeepCopy()
	}
	if s := pod.Status.ContainerStatuses[0]; s.ContainerID != started || s.RestartCount != 0 {
		r.Errorf("the container was restarted: %+v", s)
	}
	r.remove("resize")
	r.wait("resize", "gone", gone)
}

func testStubborn(r *rig) {
	r.create("stubborn", v1.PodSpec{Containers: []v1.Container{run("stubborn")}, TerminationGracePeriodSeconds: new(int64(1))})
	r.wait("stubborn", "ready", ready)
	began := time.Now()
	r.remove("stubborn")
	r.wait("stubborn", "gone", gone)
	if took := time.Since(began); took < 900*time.Millisecond || took > 10*time.Second {
		r.Errorf("killed after %v, want 1 s", took)
	}
}

func testDownDelete(r *rig) {
	r.create("forced", v1.PodSpec{Containers: []v1.Container{run("pause")}})
	r.create("graceful", v1.PodSpec{Containers: []v1.Container{run("pause")}})
	r.wait("forced", "ready", ready)
	r.wait("graceful", "ready", ready)
	(*r.stop)()
	if err := r.client.CoreV1().Pods("test").Delete(context.Background(), "forced", metav1.DeleteOptions{}); err != nil {
		r.Fatal(err)
	}
	r.remove("graceful")
	r.start()
	r.wait("graceful", "gone", gone)
	// The next pod is started after the orphan was found; then nothing of it may be left for long.
	dir := filepath.Join(r.containerd.Dir, "pods", "test_forced_forced-uid")
	deadline := time.Now().Add(20 * time.Second)
	for {
		if _, err := os.Stat(dir); os.IsNotExist(err) {
			return
		}
		if time.Now().After(deadline) {
			r.Fatal("the logs of a pod that was deleted by force are still there")
		}
		<-time.After(50 * time.Millisecond)
	}
}

func testRuntimeDies(r *rig) {
	r.create("survivor", v1.PodSpec{Containers: []v1.Container{run("pause")}})
	before := r.wait("survivor", "ready", ready)
	r.containerd.Kill()
	r.containerd.Run()
	r.create("after", v1.PodSpec{Containers: []v1.Container{run("pause")}})
	r.wait("after", "ready", ready)
	after := r.wait("survivor", "ready", ready)
	if a, b := before.Status.ContainerStatuses[0], after.Status.ContainerStatuses[0]; a.ContainerID != b.ContainerID || b.RestartCount != 0 {
		r.Errorf("container was %+v, is %+v", a, b)
	}
	for _, name := range []string{"survivor", "after"} {
		r.remove(name)
		r.wait(name, "gone", gone)
	}
}

func testRefused(r *rig) {
	c := run("pause")
	c.Resources.Requests = v1.ResourceList{v1.ResourceCPU: resource.MustParse("10000")}
	r.create("large", v1.PodSpec{Containers: []v1.Container{c}})
	pod := r.wait("large", "failed", func(p *v1.Pod) bool { return p != nil && p.Status.Phase == v1.PodFailed })
	if pod.Status.Reason != "OutOfcpu" || len(pod.Status.ContainerStatuses) != 0 {
		r.Errorf("status is %+v", pod.Status)
	}
	r.remove("large")
	r.wait("large", "gone", gone)
}
