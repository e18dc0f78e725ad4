package worker

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"sigs.k8s.io/yaml"

	"github.com/proa-sh/proa/pkg/kubelet/podstate"
	"github.com/proa-sh/proa/pkg/pods"
)

var update = flag.Bool("update", false, "rewrite the recorded output of scenarios")

// TestScenarios plays the files in testdata. Each block is a command, arguments on further lines if it needs any, "----", and
// the recorded output: actions that the command made due, and when the pod is to be looked at again.
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := play(t, string(text))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(text), got); diff != "" {
				t.Errorf("scenario (-recorded +got); run with -update after a change and review the difference:\n%s", diff)
			}
		})
	}
}

func play(t *testing.T, text string) string {
	t.Helper()
	var out strings.Builder
	s := &scenario{t: t, now: time.Unix(1_000_000, 0)}
	for _, block := range strings.Split(strings.TrimRight(text, "\n"), "\n\n") {
		input, _, isCommand := strings.Cut(block+"\n", "----\n")
		if out.Len() > 0 {
			out.WriteString("\n")
		}
		out.WriteString(input)
		if !isCommand {
			continue
		}
		command, body, _ := strings.Cut(input, "\n")
		fmt.Fprintf(&out, "----\n%s", s.do(strings.Fields(command), body))
	}
	return out.String()
}

// scenario is a pod's state with a model of the container runtime.
type scenario struct {
	t       *testing.T
	now     time.Time
	state   *State
	model   podstate.Observed
	count   int
	running []Action
	// disk is what was written down; slowDisk makes writing an action like others.
	disk     *podstate.Memory
	slowDisk bool
	// started is the container that runs already while it is being started.
	started string
	out     strings.Builder
}

func (s *scenario) do(words []string, body string) string {
	s.t.Helper()
	s.out.Reset()
	switch words[0] {
	case "pod":
		s.begin(body)
	case "ok":
		s.finish(strings.Join(words[1:], " "), nil, podstate.Reason{})
	case "fail":
		s.finish(strings.Join(words[1:], " "), errors.New("it failed"), podstate.Reason{Reason: strings.TrimSpace(body), Message: "it failed"})
	case "idle":
		// The call succeeds, and the runtime's picture stays as it was.
		s.finish(strings.Join(words[1:], " "), nil, podstate.Reason{Reason: "idle"})
	case "run":
		return s.run()
	case "exit":
		s.exit(words[1], words[2])
	case "probe":
		c := s.model.Latest(words[1])
		s.state.Probe(podstate.ProbeResult{Container: words[1], ContainerID: c.ID, Kind: podstate.ProbeKind(words[2]), Healthy: words[3] == "ok"})
	case "advance":
		d, err := time.ParseDuration(words[1])
		if err != nil {
			s.t.Fatal(err)
		}
		s.now = s.now.Add(d)
	case "patch":
		s.patch(body)
	case "delete":
		s.remove(words[1:])
	case "gone":
		s.state.Gone = true
	case "appears":
		s.appears(words[1])
	case "sandbox-dies":
		s.model.Sandboxes[0].Ready = false
		for i := range s.model.Containers {
			s.end(&s.model.Containers[i], 137)
		}
		s.state.Touch()
	case "end":
		s.state.End(podstate.Ending{Phase: v1.PodFailed, Reason: words[1]}, s.now)
	case "slow-disk":
		s.slowDisk = true
		return ""
	case "restart":
		// The kubelet is killed, whatever is under way, and another one starts; the pod may have changed meanwhile.
		s.running = nil
		s.state = NewState(s.changed(body), s.settings())
		if s.disk != nil {
			s.state.Recall(s.disk)
		}
		s.state.admitted.taken = s.state.admitted.taken || len(s.model.Sandboxes) > 0
	case "lose-record":
		s.disk = nil
		return ""
	case "view":
		return s.view()
	default:
		s.t.Fatalf("unknown command %q", words[0])
	}
	s.step()
	return s.out.String()
}

// begin starts with a pod, and with what the runtime holds of it already if the pod has containers in its status.
func (s *scenario) begin(text string) {
	pod := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p", Namespace: "ns", UID: "u"}}
	if err := yaml.UnmarshalStrict([]byte(text), pod); err != nil {
		s.t.Fatal(err)
	}
	s.model = podstate.Observed{UID: pod.UID, Name: pod.Name, Namespace: pod.Namespace}
	for _, cs := range pod.Status.ContainerStatuses {
		if len(s.model.Sandboxes) == 0 {
			s.model.Sandboxes = []podstate.Sandbox{{ID: "s0", Ready: true, IPs: []string{"10.0.0.1"}}}
		}
		if cs.State.Running != nil {
			s.model.Containers = append(s.model.Containers, podstate.Container{
				ID: strings.TrimPrefix(cs.ContainerID, "test://"), Name: cs.Name, SandboxID: "s0", Phase: podstate.Running,
				Hash: "", StartedAt: cs.State.Running.StartedAt.Time, Attempt: uint32(cs.RestartCount),
				PreStopDone: pod.Annotations["test/pre-stop-done"] == cs.Name,
			})
		}
	}
	s.state = NewState(pod, s.settings())
	s.state.admitted.taken = len(s.model.Sandboxes) > 0
}

func (s *scenario) settings() Settings {
	return Settings{
		CrashMax: CrashMax, HostIPs: []string{"192.0.2.1"}, RuntimeName: "test",
		Hash: func(c *v1.Container) string { return c.Image }, Resources: limitsOf,
	}
}

// limitsOf stands for the resources stage.
func limitsOf(_ *v1.Pod, c *v1.Container) Limits {
	r := c.Resources
	return Limits{CPUShares: r.Requests.Cpu().MilliValue(), CPUQuota: r.Limits.Cpu().MilliValue(), Memory: r.Limits.Memory().Value()}
}

func inForce(l Limits) *runtimeapi.LinuxContainerResources {
	return &runtimeapi.LinuxContainerResources{CpuShares: l.CPUShares, CpuQuota: l.CPUQuota, MemoryLimitInBytes: l.Memory}
}

// step asks what is due. Looking at the runtime is answered from the model at once.
func (s *scenario) step() {
	for {
		actions, wake := s.state.Step(s.now)
		looked := false
		for _, a := range actions {
			switch a.Kind {
			case Inspect:
				looked = true
				s.state.Apply(Result{Action: a, Observed: s.copyModel()}, s.now)
			case Remember:
				fmt.Fprintln(&s.out, a)
				if s.slowDisk {
					s.running = append(s.running, a)
					continue
				}
				looked = true
				s.simulate(a, nil)
				s.state.Apply(Result{Action: a}, s.now)
			case Event:
				fmt.Fprintln(&s.out, a)
			default:
				fmt.Fprintln(&s.out, a)
				s.running = append(s.running, a)
			}
		}
		if looked {
			continue
		}
		if s.state.down() && s.state.Pod.DeletionTimestamp != nil && !s.state.Gone {
			publish, _ := s.state.publish(false, s.now)
			for _, a := range publish {
				fmt.Fprintln(&s.out, a)
				s.running = append(s.running, a)
			}
		}
		if !wake.IsZero() {
			fmt.Fprintf(&s.out, "look again in %v\n", wake.Sub(s.now))
		}
		if s.state.Finished() {
			fmt.Fprintln(&s.out, "finished")
		}
		return
	}
}

func (s *scenario) copyModel() podstate.Observed {
	o := s.model
	o.Sandboxes = append([]podstate.Sandbox{}, o.Sandboxes...)
	o.Containers = append([]podstate.Container{}, o.Containers...)
	return o
}

// run lets everything succeed until nothing is under way.
func (s *scenario) run() string {
	var all strings.Builder
	for len(s.running) > 0 {
		s.out.Reset()
		s.finish(s.running[0].String(), nil, podstate.Reason{})
		s.step()
		text := s.out.String()
		// Only the last hint counts.
		for line := range strings.Lines(text) {
			if len(s.running) == 0 || !strings.HasPrefix(line, "look again") {
				all.WriteString(line)
			}
		}
	}
	return all.String()
}

// finish ends the first action under way whose text starts so.
func (s *scenario) finish(prefix string, err error, waiting podstate.Reason) {
	s.t.Helper()
	for i, a := range s.running {
		if !strings.HasPrefix(a.String(), prefix) {
			continue
		}
		s.running = append(s.running[:i:i], s.running[i+1:]...)
		r := Result{Action: a, Err: err, Waiting: waiting}
		if a.Kind == GrantResources {
			// A refusal is an answer, not a fault.
			r.Err, err = nil, nil
		}
		if err == nil && waiting.Reason == "" {
			s.simulate(a, &r)
		}
		s.state.Apply(r, s.now)
		return
	}
	s.t.Fatalf("nothing under way starts with %q; under way: %v", prefix, s.running)
}

// simulate is what the runtime does.
func (s *scenario) simulate(a Action, r *Result) {
	switch a.Kind {
	case Remember:
		written := s.state.admitted.remembering
		s.disk = &written
	case CreateSandbox:
		s.count++
		id := "s" + strconv.Itoa(s.count)
		s.model.Sandboxes = append([]podstate.Sandbox{{ID: id, Attempt: a.Attempt, Ready: true, IPs: []string{"10.0.0.1"}}}, s.model.Sandboxes...)
	case StartContainer:
		if s.started == a.Container {
			s.started, r.ID = "", s.model.Latest(a.Container).ID
			return
		}
		s.count++
		r.ID = a.Container + strconv.Itoa(s.count)
		s.model.Containers = append([]podstate.Container{{
			ID: r.ID, Name: a.Container, SandboxID: s.model.Sandboxes[0].ID, Attempt: a.Attempt, Phase: podstate.Running,
			StartedAt: s.now, Resources: inForce(limitsOf(nil, s.state.withGrant(pods.Container(s.state.Pod, a.Container)))), Hash: pods.Container(s.state.Pod, a.Container).Image,
		}}, s.model.Containers...)
	case GrantResources:
		r.Granted = new(podstate.AllocationOf(s.state.Pod))
	case ResizeContainer:
		s.model.Instance(a.ID).Resources = inForce(limitsOf(nil, s.state.withGrant(pods.Container(s.state.Pod, a.Container))))
	case StopContainer:
		s.end(s.model.Instance(a.ID), 143)
	case StopSandbox:
		for i := range s.model.Sandboxes {
			if s.model.Sandboxes[i].ID == a.ID {
				s.model.Sandboxes[i].Ready = false
			}
		}
	case RemoveContainer:
		for i := range s.model.Containers {
			if s.model.Containers[i].ID == a.ID {
				s.model.Containers = append(s.model.Containers[:i:i], s.model.Containers[i+1:]...)
				return
			}
		}
	case RemoveSandbox:
		for i := range s.model.Sandboxes {
			if s.model.Sandboxes[i].ID == a.ID {
				s.model.Sandboxes = append(s.model.Sandboxes[:i:i], s.model.Sandboxes[i+1:]...)
				return
			}
		}
	}
}

// appears makes a container that is being started run; the call that starts it has not come back.
func (s *scenario) appears(name string) {
	for _, a := range s.running {
		if a.Kind == StartContainer && a.Container == name {
			s.simulate(a, &Result{})
			s.started = name
			s.state.Touch()
			return
		}
	}
	s.t.Fatalf("%s is not being started; under way: %v", name, s.running)
}

func (s *scenario) end(c *podstate.Container, code int32) {
	if c.Phase == podstate.Running {
		c.Phase, c.ExitCode, c.FinishedAt = podstate.Exited, code, s.now
	}
}

func (s *scenario) exit(name, code string) {
	n, err := strconv.Atoi(code)
	if err != nil {
		s.t.Fatal(err)
	}
	s.end(s.model.Latest(name), int32(n))
	s.state.Touch()
}

// patch merges YAML into the pod.
func (s *scenario) patch(text string) { s.state.SetPod(s.changed(text)) }

// changed is the pod with YAML merged into it.
func (s *scenario) changed(text string) *v1.Pod {
	pod := s.state.Pod.DeepCopy()
	if text == "" {
		return pod
	}
	if err := yaml.Unmarshal([]byte(text), pod); err != nil {
		s.t.Fatal(err)
	}
	pod.Generation++
	return pod
}

func (s *scenario) remove(words []string) {
	pod := s.state.Pod.DeepCopy()
	grace := podGrace(pod)
	if len(words) > 0 {
		n, err := strconv.ParseInt(strings.TrimPrefix(words[0], "grace="), 10, 64)
		if err != nil {
			s.t.Fatal(err)
		}
		grace = n
	}
	pod.DeletionGracePeriodSeconds = &grace
	pod.DeletionTimestamp = &metav1.Time{Time: s.now.Add(time.Duration(grace) * time.Second)}
	s.state.SetPod(pod)
}

// view prints what the status would be computed from.
func (s *scenario) view() string {
	var b strings.Builder
	v := s.state.View(s.now)
	fmt.Fprintln(&b, s.state.Phase())
	for i := range v.Pod.Spec.InitContainers {
		s.viewContainer(&b, v, v.Pod.Spec.InitContainers[i].Name)
	}
	for i := range v.Pod.Spec.Containers {
		s.viewContainer(&b, v, v.Pod.Spec.Containers[i].Name)
	}
	if v.Ending != nil {
		fmt.Fprintf(&b, "ending phase=%q reason=%q finished=%v\n", v.Ending.Phase, v.Ending.Reason, v.Finished)
	}
	if v.Generation != v.Pod.Generation {
		b.WriteString("the spec's generation is not observed yet\n")
	}
	if r := v.Resize; r.Pending.Reason != "" || r.InProgress {
		fmt.Fprintf(&b, "resize pending=%q in progress=%v fault=%q\n", r.Pending.Reason, r.InProgress, r.InProgressError)
	}
	if r := v.Resize; r.Granted != nil {
		fmt.Fprintf(&b, "pod granted %s in force %s\n", amounts(r.Granted), amounts(r.InForce))
	}
	if v.RestartingAll != "" {
		fmt.Fprintf(&b, "restarting all: %s\n", v.RestartingAll)
	}
	for _, target := range s.state.Targets() {
		fmt.Fprintf(&b, "probe %s at %s started=%v ending=%v\n", target.ContainerID, target.Host, target.Started, target.Ending)
	}
	return b.String()
}

// amounts writes the CPU of resources as request/limit.
func amounts(r *v1.ResourceRequirements) string {
	if r == nil {
		return "nothing"
	}
	return r.Requests.Cpu().String() + "/" + r.Limits.Cpu().String()
}

func (s *scenario) viewContainer(b *strings.Builder, v *podstate.View, name string) {
	cv := v.Containers[name]
	phase := "none"
	if latest := v.Observed.Latest(name); latest != nil {
		phase = fmt.Sprintf("%s %s attempt=%d", latest.ID, latest.Phase, latest.Attempt)
	}
	fmt.Fprintf(b, "%s: %s started=%v ready=%v", name, phase, cv.Started, cv.Ready)
	if cv.Hooking {
		b.WriteString(" hooking")
	}
	if cv.Waiting.Reason != "" {
		fmt.Fprintf(b, " waiting=%q", cv.Waiting.Reason+": "+cv.Waiting.Message)
	}
	b.WriteString("\n")
}
