package kubelet_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	cri "k8s.io/cri-client/pkg"
	kubelettypes "k8s.io/kubelet/pkg/types"

	"github.com/proa-sh/proa/pkg/kubelet/runtime/containerdtest"
)

// TestContainerdRecord ends and starts kubelets on a real containerd.
func TestContainerdRecord(t *testing.T) {
	r := newRig(t)
	t.Run("mounts inside of volumes", func(t *testing.T) { testNested(r.with(t)) })
	t.Run("resized while no kubelet runs", func(t *testing.T) { testResizedWhileDown(r.with(t)) })
	t.Run("resources of the whole pod", func(t *testing.T) { testPodResize(r.with(t)) })
	t.Run("memory below its use", func(t *testing.T) { testLowerMemory(r.with(t)) })
	t.Run("more on disk than allowed", func(t *testing.T) { testDiskLimit(r.with(t)) })
	t.Run("claims", func(t *testing.T) { testClaims(r.with(t)) })
	t.Run("somebody else's mount in a volume", func(t *testing.T) { testForeignMount(r.with(t)) })
	t.Run("an orphan's hook", func(t *testing.T) { testOrphanHook(r.with(t)) })
	t.Run("a sandbox that comes late", func(t *testing.T) { testLateSandbox(r.with(t)) })
	t.Run("all containers restart", func(t *testing.T) { testRestartAll(r.with(t)) })
}

// eventually waits until the state is as wanted.
func (r *rig) eventually(what string, is func() bool) {
	r.Helper()
	for deadline := time.Now().Add(30 * time.Second); !is(); <-time.After(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			r.Fatalf("waited 30 s in vain until %s", what)
		}
	}
}

func (r *rig) records() []string {
	r.Helper()
	files, err := filepath.Glob(filepath.Join(r.containerd.Dir, "kubelet", "records", "*"))
	if err != nil {
		r.Fatal(err)
	}
	return files
}

func testNested(r *rig) {
	cm := &v1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "nested", Namespace: "test"}, Data: map[string]string{"file": "content,", "part": "part,"}}
	if _, err := r.client.CoreV1().ConfigMaps("test").Create(context.Background(), cm, metav1.CreateOptions{}); err != nil {
		r.Fatal(err)
	}
	mounts := []v1.VolumeMount{
		{Name: "cm", MountPath: "/etc/app"}, {Name: "cache", MountPath: "/etc/app/cache/deep"},
		{Name: "cm", MountPath: "/etc/app/extra.conf", SubPath: "part"},
	}
	write, read := run("write", "/etc/app/cache/deep/x", "written"), run("cat", "/etc/app/file", "/etc/app/extra.conf", "/etc/app/cache/deep/x")
	write.Name, write.VolumeMounts, read.VolumeMounts = "write", mounts, mounts
	r.create("nested", v1.PodSpec{
		RestartPolicy: v1.RestartPolicyNever, InitContainers: []v1.Container{write}, Containers: []v1.Container{read},
		Volumes: []v1.Volume{
			{Name: "cm", VolumeSource: v1.VolumeSource{ConfigMap: &v1.ConfigMapVolumeSource{
				LocalObjectReference: v1.LocalObjectReference{Name: "nested"}, DefaultMode: new(int32(0o644))}}},
			{Name: "cache", VolumeSource: v1.VolumeSource{EmptyDir: &v1.EmptyDirVolumeSource{}}},
		},
	})
	r.wait("nested", "succeeded", succeeded)
	if got := r.log("nested", "c"); got != "content,part,written" && strings.TrimSpace(got) != "content,part,written" {
		r.Errorf("the container read %q", got)
	}
	r.remove("nested")
	r.wait("nested", "gone", gone)
	r.eventually("nothing is remembered", func() bool { return len(r.records()) == 0 })
}

// testResizedWhileDown: a resize that comes while no kubelet runs is brought into force, with the record and without.
func testResizedWhileDown(r *rig) {
	limit := func(memory string) v1.ResourceRequirements {
		list := v1.ResourceList{v1.ResourceCPU: resource.MustParse("100m"), v1.ResourceMemory: resource.MustParse(memory)}
		return v1.ResourceRequirements{Requests: list, Limits: list}
	}
	c := run("pause")
	c.Resources = limit("64Mi")
	r.create("down", v1.PodSpec{Containers: []v1.Container{c}})
	pod := r.wait("down", "ready", ready)
	id := pod.Status.ContainerStatuses[0].ContainerID
	for _, tc := range []struct {
		memory string
		lose   func(path string) error
	}{
		{"80Mi", func(string) error { return nil }},
		{"96Mi", func(path string) error { return os.WriteFile(path, []byte(`{"version":`), 0o600) }},
	} {
		(*r.stop)()
		for _, path := range r.records() {
			if strings.HasSuffix(path, "down-uid.json") {
				if err := tc.lose(path); err != nil {
					r.Fatal(err)
				}
			}
		}
		pod = pod.DeepCopy()
		pod.Spec.Containers[0].Resources = limit(tc.memory)
		pod.Generation++
		if _, err := r.client.CoreV1().Pods("test").Update(context.Background(), pod, metav1.UpdateOptions{}); err != nil {
			r.Fatal(err)
		}
		r.start()
		pod = r.wait("down", "resized to "+tc.memory, func(p *v1.Pod) bool {
			s := p.Status.ContainerStatuses[0]
			return p.Status.ObservedGeneration == p.Generation && s.Resources != nil && s.Resources.Limits.Memory().Cmp(resource.MustParse(tc.memory)) == 0 &&
				s.AllocatedResources.Memory().Cmp(resource.MustParse(tc.memory)) == 0
		})
		if s := pod.Status.ContainerStatuses[0]; s.ContainerID != id || s.RestartCount != 0 {
			r.Errorf("the container was restarted: %+v", s)
		}
	}
	r.remove("down")
	r.wait("down", "gone", gone)
}

// testPodResize changes the resources of a pod as a whole.
func testPodResize(r *rig) {
	whole := func(memory string) *v1.ResourceRequirements {
		list := v1.ResourceList{v1.ResourceCPU: resource.MustParse("100m"), v1.ResourceMemory: resource.MustParse(memory)}
		return &v1.ResourceRequirements{Requests: list, Limits: list}
	}
	shows := func(memory string) func(*v1.Pod) bool {
		return func(p *v1.Pod) bool {
			want := resource.MustParse(memory)
			return ready(p) && p.Status.ObservedGeneration == p.Generation && p.Status.AllocatedResources.Memory().Cmp(want) == 0 &&
				p.Status.Resources != nil && p.Status.Resources.Limits.Memory().Cmp(want) == 0
		}
	}
	r.create("whole", v1.PodSpec{Containers: []v1.Container{run("pause")}, Resources: whole("64Mi")})
	pod := r.wait("whole", "limited", shows("64Mi"))
	for _, memory := range []string{"96Mi", "48Mi"} {
		pod = pod.DeepCopy()
		pod.Spec.Resources = whole(memory)
		pod.Generation++
		if _, err := r.client.CoreV1().Pods("test").Update(context.Background(), pod, metav1.UpdateOptions{}); err != nil {
			r.Fatal(err)
		}
		pod = r.wait("whole", "resized to "+memory, shows(memory))
	}
	r.remove("whole")
	r.wait("whole", "gone", gone)
}

// testLowerMemory asks for less memory than a container uses.
func testLowerMemory(r *rig) {
	c := run("pause")
	c.Resources.Limits = v1.ResourceList{v1.ResourceMemory: resource.MustParse("64Mi")}
	c.Resources.Requests = c.Resources.Limits
	r.create("low", v1.PodSpec{Containers: []v1.Container{c}})
	pod := r.wait("low", "ready", ready).DeepCopy()
	pod.Spec.Containers[0].Resources.Limits = v1.ResourceList{v1.ResourceMemory: resource.MustParse("64Ki")}
	pod.Spec.Containers[0].Resources.Requests = pod.Spec.Containers[0].Resources.Limits
	pod.Generation++
	if _, err := r.client.CoreV1().Pods("test").Update(context.Background(), pod, metav1.UpdateOptions{}); err != nil {
		r.Fatal(err)
	}
	pod = r.wait("low", "told why", func(p *v1.Pod) bool {
		for _, c := range p.Status.Conditions {
			if c.Type == v1.PodResizeInProgress && c.Reason == v1.PodReasonError && strings.Contains(c.Message, "below current usage") {
				return true
			}
		}
		return false
	})
	if !ready(pod) || pod.Status.ContainerStatuses[0].RestartCount != 0 {
		r.Errorf("the container was disturbed: %+v", pod.Status)
	}
	r.remove("low")
	r.wait("low", "gone", gone)
}

// testDiskLimit: a volume that has more in it than its limit costs the pod its place.
func testDiskLimit(r *rig) {
	write := run("write", "/v/file", strings.Repeat("x", 100_000))
	write.Name, write.VolumeMounts = "write", []v1.VolumeMount{{Name: "v", MountPath: "/v"}}
	r.create("disk", v1.PodSpec{
		InitContainers: []v1.Container{write}, Containers: []v1.Container{run("pause")},
		Volumes: []v1.Volume{{Name: "v", VolumeSource: v1.VolumeSource{EmptyDir: &v1.EmptyDirVolumeSource{SizeLimit: new(resource.MustParse("64Ki"))}}}},
	})
	pod := r.wait("disk", "evicted", func(p *v1.Pod) bool { return p != nil && p.Status.Phase == v1.PodFailed })
	if pod.Status.Reason != "Evicted" || pod.Status.Message != `Usage of EmptyDir volume "v" exceeds the limit "64Ki". ` {
		r.Errorf("status is %q %q", pod.Status.Reason, pod.Status.Message)
	}
	r.remove("disk")
	r.wait("disk", "gone", gone)
}

// testClaims: a pod that claims what this kubelet cannot give does not start as if it claimed nothing.
func testClaims(r *rig) {
	r.create("claims", v1.PodSpec{Containers: []v1.Container{run("pause")}, ResourceClaims: []v1.PodResourceClaim{{Name: "gpu"}}})
	r.eventually("an event tells why", func() bool { return r.hasEvent("claims", "FailedPrepareDynamicResources", "gpu") })
	r.remove("claims")
	r.wait("claims", "gone", gone)
}

// hasEvent says whether an event on the pod tells such a thing.
func (r *rig) hasEvent(pod, reason, text string) bool {
	r.Helper()
	events, err := r.client.CoreV1().Events("test").List(context.Background(), metav1.ListOptions{})
	if err != nil {
		r.Fatal(err)
	}
	for _, e := range events.Items {
		if e.InvolvedObject.Name == pod && e.Reason == reason && strings.Contains(e.Message, text) {
			return true
		}
	}
	return false
}

// testForeignMount: what somebody else has mounted in a pod's volume stays, and the pod waits for it.
func testForeignMount(r *rig) {
	r.create("foreign", v1.PodSpec{
		Containers: []v1.Container{run("pause")},
		Volumes:    []v1.Volume{{Name: "v", VolumeSource: v1.VolumeSource{EmptyDir: &v1.EmptyDirVolumeSource{}}}},
	})
	r.wait("foreign", "ready", ready)
	dir := filepath.Join(r.containerd.Dir, "kubelet/pods/foreign-uid/volumes/kubernetes.io~empty-dir/v/sub")
	if err := os.Mkdir(dir, 0o755); err != nil {
		r.Fatal(err)
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, ""); err != nil {
		r.Fatal(err)
	}
	unmount := sync.OnceValue(func() error { return unix.Unmount(dir, 0) })
	defer func() {
		if err := unmount(); err != nil {
			r.Error(err)
		}
	}()
	if err := os.WriteFile(filepath.Join(dir, "precious"), nil, 0o600); err != nil {
		r.Fatal(err)
	}
	r.remove("foreign")
	r.eventually("an event tells why", func() bool { return r.hasEvent("foreign", "FailedKillPod", dir) })
	r.restart()
	if _, err := os.Stat(filepath.Join(dir, "precious")); err != nil {
		r.Errorf("what is not the kubelet's is gone: %v", err)
	}
	if err := unmount(); err != nil {
		r.Fatal(err)
	}
	r.wait("foreign", "gone", gone)
}

// testOrphanHook: a pod that is deleted by force while no kubelet runs ends with its hook, and nothing of it stays.
func testOrphanHook(r *rig) {
	shared := filepath.Join(r.containerd.Dir, "orphan")
	c := run("pause")
	c.VolumeMounts = []v1.VolumeMount{{Name: "v", MountPath: "/v"}}
	c.Lifecycle = &v1.Lifecycle{PreStop: &v1.LifecycleHandler{Exec: &v1.ExecAction{Command: []string{containerdtest.Program, "append", "/v/hooks", "ran"}}}}
	r.create("orphan", v1.PodSpec{
		Containers: []v1.Container{c}, TerminationGracePeriodSeconds: new(int64(20)),
		Volumes: []v1.Volume{{Name: "v", VolumeSource: v1.VolumeSource{HostPath: &v1.HostPathVolumeSource{
			Path: shared, Type: new(v1.HostPathDirectoryOrCreate)}}}},
	})
	r.wait("orphan", "ready", ready)
	(*r.stop)()
	if err := r.client.CoreV1().Pods("test").Delete(context.Background(), "orphan", metav1.DeleteOptions{}); err != nil {
		r.Fatal(err)
	}
	r.start()
	r.eventually("nothing is remembered", func() bool { return len(r.records()) == 0 || onlyBad(r.records()) })
	if text, err := os.ReadFile(filepath.Join(shared, "hooks")); err != nil || string(text) != "ran\n" {
		r.Errorf("the hook has left %q, %v", text, err)
	}
	for _, pattern := range []string{"pods/test_orphan_*", "containers/orphan_*", "kubelet/pods/orphan-uid"} {
		if left, err := filepath.Glob(filepath.Join(r.containerd.Dir, pattern)); err != nil || len(left) > 0 {
			r.Errorf("left behind: %v %v", left, err)
		}
	}
}

func onlyBad(files []string) bool {
	for _, file := range files {
		if !strings.HasSuffix(file, ".bad") {
			return false
		}
	}
	return true
}

// testLateSandbox: what comes to life of a pod that nobody runs, long after the kubelet's start, is ended.
func testLateSandbox(r *rig) {
	r.create("early", v1.PodSpec{Containers: []v1.Container{run("pause")}})
	r.wait("early", "ready", ready) // the kubelet knows by now what is desired
	service, err := cri.NewRemoteRuntimeService(context.Background(), r.containerd.Endpoint, 10*time.Second, nil, false)
	if err != nil {
		r.Fatal(err)
	}
	defer service.Close(context.Background())
	labels := map[string]string{
		kubelettypes.KubernetesPodNameLabel: "late", kubelettypes.KubernetesPodNamespaceLabel: "test", kubelettypes.KubernetesPodUIDLabel: "late-uid",
	}
	host := runtimeapi.NamespaceMode_NODE
	_, err = service.RunPodSandbox(context.Background(), &runtimeapi.PodSandboxConfig{
		Metadata: &runtimeapi.PodSandboxMetadata{Name: "late", Uid: "late-uid", Namespace: "test"}, Labels: labels,
		Linux: &runtimeapi.LinuxPodSandboxConfig{
			CgroupParent:    r.containerd.CgroupRoot + "/late",
			SecurityContext: &runtimeapi.LinuxSandboxSecurityContext{NamespaceOptions: &runtimeapi.NamespaceOption{Network: host}},
		},
	}, "")
	if err != nil {
		r.Fatal(err)
	}
	r.eventually("the sandbox is gone", func() bool {
		left, err := service.ListPodSandbox(context.Background(), &runtimeapi.PodSandboxFilter{LabelSelector: labels})
		if err != nil {
			r.Fatal(err)
		}
		return len(left) == 0
	})
	r.remove("early")
	r.wait("early", "gone", gone)
}

// testRestartAll: the exit of one container restarts all, init containers first, in the same sandbox.
func testRestartAll(r *rig) {
	shared := filepath.Join(r.containerd.Dir, "restartall")
	mount := []v1.VolumeMount{{Name: "v", MountPath: "/v"}}
	setup, worker, trigger := run("append", "/v/log", "init"), run("pause"), run("sleep", "1", "88")
	setup.Name, setup.VolumeMounts, trigger.Name = "setup", mount, "trigger"
	trigger.RestartPolicy = new(v1.ContainerRestartPolicyNever)
	trigger.RestartPolicyRules = []v1.ContainerRestartRule{{
		Action:    v1.ContainerRestartRuleActionRestartAllContainers,
		ExitCodes: &v1.ContainerRestartRuleOnExitCodes{Operator: v1.ContainerRestartRuleOnExitCodesOpIn, Values: []int32{88}},
	}}
	r.create("all", v1.PodSpec{
		RestartPolicy: v1.RestartPolicyNever, InitContainers: []v1.Container{setup}, Containers: []v1.Container{worker, trigger},
		Volumes: []v1.Volume{{Name: "v", VolumeSource: v1.VolumeSource{HostPath: &v1.HostPathVolumeSource{
			Path: shared, Type: new(v1.HostPathDirectoryOrCreate)}}}},
	})
	first := r.wait("all", "ready", ready)
	again := r.wait("all", "started again", func(p *v1.Pod) bool {
		for _, s := range append(p.Status.InitContainerStatuses, p.Status.ContainerStatuses...) {
			if s.RestartCount == 0 {
				return false
			}
		}
		return p.Status.Phase == v1.PodRunning && p.Status.ContainerStatuses[0].State.Running != nil
	})
	if first.Status.PodIP != again.Status.PodIP {
		r.Errorf("the pod's address was %s and is %s", first.Status.PodIP, again.Status.PodIP)
	}
	if text, err := os.ReadFile(filepath.Join(shared, "log")); err != nil || !strings.HasPrefix(string(text), "init\ninit\n") {
		r.Errorf("init containers have left %q, %v", text, err)
	}
	told := false
	for _, c := range again.Status.Conditions {
		told = told || c.Type == v1.AllContainersRestarting && c.Reason == "ContainerExited" &&
			strings.Contains(c.Message, "Container trigger exited with code 88")
	}
	if !told {
		r.Errorf("no condition tells of it: %+v", again.Status.Conditions)
	}
	r.remove("all")
	r.wait("all", "gone", gone)
}
