package status

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"sigs.k8s.io/yaml"

	"github.com/proa-sh/proa/pkg/kubelet/podstate"
)

var update = flag.Bool("update", false, "rewrite goldens")

var now = time.Date(2026, 1, 2, 3, 4, 5, 678, time.UTC)

// at is a time before now.
func at(ago time.Duration) time.Time { return now.Add(-ago) }

func running(name, id string, attempt uint32) podstate.Container {
	return podstate.Container{Name: name, ID: id, Attempt: attempt, Phase: podstate.Running, StartedAt: at(time.Minute), Image: "i", ImageID: "i@sha256:1"}
}

func exited(name, id string, attempt uint32, code int32) podstate.Container {
	c := running(name, id, attempt)
	c.Phase, c.FinishedAt, c.ExitCode = podstate.Exited, at(time.Second), code
	return c
}

func pod(names ...string) *v1.Pod {
	p := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p", Namespace: "ns", UID: "u", Generation: 2}}
	for _, n := range names {
		p.Spec.Containers = append(p.Spec.Containers, v1.Container{Name: n, Image: "i"})
	}
	return p
}

func up() []podstate.Sandbox {
	return []podstate.Sandbox{{ID: "s", Ready: true, IPs: []string{"10.0.0.1", "fd00::1"}}}
}

var yes = podstate.ContainerView{Started: true, Ready: true}

// views are the cases; each has a golden of its name.
func views() map[string]*podstate.View {
	waiting := func(reason string) podstate.ContainerView {
		return podstate.ContainerView{Waiting: podstate.Reason{Reason: reason, Message: "why"}}
	}
	all := map[string]*podstate.View{
		"new": {Pod: pod("a")},
		"running": {Pod: pod("a"), Observed: podstate.Observed{Sandboxes: up(), Containers: []podstate.Container{running("a", "1", 0)}},
			Containers: map[string]podstate.ContainerView{"a": yes}},
		"not_ready": {Pod: pod("a", "b"), Observed: podstate.Observed{Sandboxes: up(), Containers: []podstate.Container{running("a", "1", 0), running("b", "2", 0)}},
			Containers: map[string]podstate.ContainerView{"a": yes, "b": {Started: true}}},
		"image_missing": {Pod: pod("a"), Observed: podstate.Observed{Sandboxes: up()}, Containers: map[string]podstate.ContainerView{"a": waiting("ErrImagePull")}},
		"crash_loop": {Pod: pod("a"), Observed: podstate.Observed{Sandboxes: up(), Containers: []podstate.Container{exited("a", "3", 2, 1), exited("a", "2", 1, 2)}},
			Containers: map[string]podstate.ContainerView{"a": waiting("CrashLoopBackOff")}},
		"restarted": {Pod: pod("a"), Observed: podstate.Observed{Sandboxes: up(), Containers: []podstate.Container{running("a", "2", 1), exited("a", "1", 0, 7)}},
			Containers: map[string]podstate.ContainerView{"a": yes}},
		"succeeded": {Pod: pod("a"), Observed: podstate.Observed{Containers: []podstate.Container{exited("a", "1", 0, 0)}},
			Ending: &podstate.Ending{Phase: v1.PodSucceeded}, Finished: true},
		"deadline": {Pod: pod("a"), Observed: podstate.Observed{Containers: []podstate.Container{exited("a", "1", 0, 143)}},
			Ending: &podstate.Ending{Phase: v1.PodFailed, Reason: "DeadlineExceeded", Message: "late"}, Finished: true},
		"deleted_before_start": {Pod: pod("a"), Ending: &podstate.Ending{}, Finished: true},
		"rejected":             {Pod: pod("a"), Ending: &podstate.Ending{Rejected: true, Phase: v1.PodFailed, Reason: "OutOfcpu", Message: "full"}, Finished: true},
		"hooking": {Pod: pod("a"), Observed: podstate.Observed{Sandboxes: up(), Containers: []podstate.Container{running("a", "1", 0)}},
			Containers: map[string]podstate.ContainerView{"a": {Hooking: true}}},
		"resizing": {Pod: pod("a"), Observed: podstate.Observed{Sandboxes: up(), Containers: []podstate.Container{running("a", "1", 0)}},
			Containers: map[string]podstate.ContainerView{"a": yes}, Resize: podstate.ResizeView{InProgress: true}},
	}
	initial := pod("a")
	initial.Spec.InitContainers = []v1.Container{{Name: "i", Image: "i"}, {Name: "side", Image: "i", RestartPolicy: new(v1.ContainerRestartPolicyAlways)}}
	all["init"] = &podstate.View{Pod: initial, Observed: podstate.Observed{Sandboxes: up(), Containers: []podstate.Container{running("side", "2", 0), exited("i", "1", 0, 0)}},
		Containers: map[string]podstate.ContainerView{"side": {}}}

	unstarted := pod("a")
	unstarted.Spec.InitContainers = []v1.Container{{Name: "i", Image: "i"}, {Name: "never", Image: "i"}}
	all["init_failed"] = &podstate.View{Pod: unstarted, Observed: podstate.Observed{Containers: []podstate.Container{exited("i", "1", 0, 1)}},
		Ending: &podstate.Ending{Phase: v1.PodFailed}, Finished: true}

	gated := pod("a")
	gated.Spec.ReadinessGates = []v1.PodReadinessGate{{ConditionType: "example.org/set"}, {ConditionType: "example.org/none"}}
	gated.Status.Conditions = []v1.PodCondition{{Type: "example.org/set", Status: v1.ConditionTrue}}
	all["gated"] = &podstate.View{Pod: gated, Observed: all["running"].Observed, Containers: all["running"].Containers}

	lost := pod("a")
	lost.Status.Phase = v1.PodRunning
	lost.Status.ContainerStatuses = []v1.ContainerStatus{{Name: "a", ContainerID: "test://9", RestartCount: 4, State: v1.ContainerState{Running: &v1.ContainerStateRunning{}}}}
	all["lost_by_the_runtime"] = &podstate.View{Pod: lost}

	all["restarting_all"] = &podstate.View{Pod: pod("a"), RestartingAll: "Container b exited with code 88, triggering pod restart",
		Observed: podstate.Observed{Sandboxes: up(), Containers: []podstate.Container{exited("a", "1", 0, 137)}}}
	again := pod("a")
	again.Status.Conditions = []v1.PodCondition{{Type: v1.AllContainersRestarting, Status: v1.ConditionTrue, Reason: "ContainerExited", Message: "because"}}
	all["restarted_all"] = &podstate.View{Pod: again, Observed: podstate.Observed{Sandboxes: up()}}

	whole := pod("a")
	list := func(cpu string) v1.ResourceList { return v1.ResourceList{"cpu": resource.MustParse(cpu)} }
	whole.Spec.Resources = &v1.ResourceRequirements{Requests: list("2"), Limits: list("3")}
	all["pod_resources"] = &podstate.View{Pod: whole, Observed: podstate.Observed{Sandboxes: up()}, Resize: podstate.ResizeView{
		InProgress: true, InProgressError: "attempting to set pod memory limit (1) below current usage (2)",
		Granted: &v1.ResourceRequirements{Requests: list("2"), Limits: list("3")}, InForce: &v1.ResourceRequirements{Requests: list("1"), Limits: list("3")},
	}}

	limited := all["resizing"].Pod
	limited.Spec.Containers[0].Resources = v1.ResourceRequirements{
		Requests: v1.ResourceList{"cpu": resource.MustParse("300m")}, Limits: v1.ResourceList{"cpu": resource.MustParse("1"), "memory": resource.MustParse("64Mi")},
	}
	all["resizing"].Observed.Containers[0].Resources = &runtimeapi.LinuxContainerResources{CpuShares: 102, CpuPeriod: 100000, CpuQuota: 100000, MemoryLimitInBytes: 32 << 20}
	return all
}

func TestCompute(t *testing.T) {
	for name, view := range views() {
		t.Run(name, func(t *testing.T) {
			view.Generation = view.Pod.Generation
			view.Now, view.RuntimeName, view.HostIPs = now, "test", []string{"192.0.2.1"}
			before := view.Pod.DeepCopy()
			got := Compute(view)
			if diff := cmp.Diff(before, view.Pod); diff != "" {
				t.Errorf("the pod was changed:\n%s", diff)
			}
			text, err := yaml.Marshal(got)
			if err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", name+".yaml")
			if *update {
				if err := os.WriteFile(golden, text, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(text)); diff != "" {
				t.Errorf("status (-want +got); run with -update after a change and review the difference:\n%s", diff)
			}
			// A status that went through the API gives itself again a moment later: nothing is written for nothing.
			again := *view
			again.Pod, again.Now = view.Pod.DeepCopy(), now.Add(time.Minute)
			again.Pod.Status = v1.PodStatus{}
			if err := yaml.Unmarshal(text, &again.Pod.Status); err != nil {
				t.Fatal(err)
			}
			if name == "lost_by_the_runtime" {
				return // The old status was the only witness.
			}
			next := Compute(&again)
			if Changed(&again.Pod.Status, &next) {
				t.Errorf("a second computation differs:\n%s", cmp.Diff(again.Pod.Status, next))
			}
		})
	}
}

func TestPhaseIsFinal(t *testing.T) {
	p := pod("a")
	p.Status.Phase = v1.PodSucceeded
	got := Compute(&podstate.View{Pod: p, Observed: podstate.Observed{Sandboxes: up(), Containers: []podstate.Container{running("a", "1", 0)}}, Now: now})
	if got.Phase != v1.PodSucceeded {
		t.Errorf("a succeeded pod became %s", got.Phase)
	}
}

func TestPatch(t *testing.T) {
	known := v1.PodStatus{Phase: v1.PodPending, Conditions: []v1.PodCondition{
		{Type: "example.org/gate", Status: v1.ConditionTrue}, {Type: v1.PodReady, Status: v1.ConditionFalse}, {Type: v1.PodResizePending, Status: v1.ConditionTrue},
	}}
	wanted := v1.PodStatus{Phase: v1.PodRunning, Conditions: []v1.PodCondition{
		{Type: "example.org/gate", Status: v1.ConditionTrue}, {Type: v1.PodReady, Status: v1.ConditionTrue},
	}}
	patch, err := Patch("u", &known, &wanted)
	if err != nil {
		t.Fatal(err)
	}
	got := string(patch)
	for _, want := range []string{`"uid":"u"`, `"phase":"Running"`, `"type":"Ready"`, `"$patch":"delete"`} {
		if !strings.Contains(got, want) {
			t.Errorf("patch lacks %s: %s", want, got)
		}
	}
	if strings.Contains(got, `"status":"True","type":"example.org/gate"`) {
		t.Errorf("patch writes a condition of others: %s", got)
	}
}

func TestInForce(t *testing.T) {
	// Requests and limits so small that they convert to the kernel's least values are shown as written.
	r := v1.ResourceRequirements{
		Requests: v1.ResourceList{"cpu": resource.MustParse("1m")}, Limits: v1.ResourceList{"cpu": resource.MustParse("5m")},
	}
	inForce(&r, &runtimeapi.LinuxContainerResources{CpuShares: 2, CpuPeriod: 100000, CpuQuota: 1000})
	if got := r.Requests.Cpu().String() + " " + r.Limits.Cpu().String(); got != "1m 5m" {
		t.Errorf("shown as %s, want 1m 5m", got)
	}
}
