package queue

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/klog/v2"
	"k8s.io/kube-scheduler/framework"
)

var update = flag.Bool("update", false, "write the outcomes of scenarios into their files")

// TestScenarios runs the scripts in testdata. A script is lines with a command each; below each command stands what
// it printed, indented. Comments begin with #.
//
//	add NAME [priority=N] [gates]      a pod comes
//	ungate NAME | label NAME VALUE     a pod without a node changes
//	delete NAME                        a pod goes
//	pop                                takes the next pod, if there is one
//	done NAME                          ends its flight with a node
//	fail NAME PLUGIN...                ends its flight: plugins turned it down ("?PLUGIN" asks it to wait)
//	error NAME                         ends its flight by an error
//	event RESOURCE ACTION [VALUE]      something happens; plugin "picky" hears only of VALUE = name of the pod
//	activate NAME                      a plugin asks for a pod
//	pass DURATION                      time passes
//	show                               prints all pods and their places
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios found: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var got []byte
			synctest.Test(t, func(t *testing.T) { got = play(t, want) })
			if *update {
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
			} else if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("%s (-want +got), -update rewrites it:\n%s", file, diff)
			}
		})
	}
}

// player plays a script on a queue.
type player struct {
	t      *testing.T
	ctx    context.Context
	queue  *Queue
	pods   map[string]*v1.Pod
	flying map[string]*Pod
	out    bytes.Buffer
}

func play(t *testing.T, script []byte) []byte {
	ctx, cancel := context.WithCancel(context.Background())
	p := &player{t: t, ctx: ctx, queue: New(testConfig()), pods: map[string]*v1.Pod{}, flying: map[string]*Pod{}}
	ended := make(chan error, 1)
	go func() { ended <- p.queue.Run(ctx) }()
	lines := bufio.NewScanner(bytes.NewReader(script))
	for lines.Scan() {
		line := lines.Text()
		if strings.HasPrefix(line, "    ") {
			continue
		}
		fmt.Fprintln(&p.out, line)
		if words := strings.Fields(line); len(words) > 0 && words[0] != "#" {
			p.do(words[0], words[1:])
			synctest.Wait()
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	return p.out.Bytes()
}

func testConfig() Config {
	picky := func(_ klog.Logger, pod *v1.Pod, _, obj any) (framework.QueueingHint, error) {
		if obj == pod.Name {
			return framework.Queue, nil
		}
		return framework.QueueSkip, nil
	}
	broken := func(klog.Logger, *v1.Pod, any, any) (framework.QueueingHint, error) {
		return framework.QueueSkip, fmt.Errorf("broken")
	}
	on := func(resource framework.EventResource, action framework.ActionType, hint framework.QueueingHintFn) []framework.ClusterEventWithHint {
		return []framework.ClusterEventWithHint{{Event: framework.ClusterEvent{Resource: resource, ActionType: action}, QueueingHintFn: hint}}
	}
	return Config{
		Less: func(a, b framework.QueuedPodInfo) bool {
			pa, pb := *a.GetPodInfo().GetPod().Spec.Priority, *b.GetPodInfo().GetPod().Spec.Priority
			if pa != pb {
				return pa > pb
			}
			return a.GetTimestamp().Before(b.GetTimestamp())
		},
		PreEnqueue: func(_ context.Context, pod *v1.Pod) *framework.Status {
			if len(pod.Spec.SchedulingGates) > 0 {
				return framework.NewStatus(framework.UnschedulableAndUnresolvable, "gated").WithPlugin("gates")
			}
			return nil
		},
		Hints: map[string]Hints{"": {
			"fit":    on(framework.Node, framework.Add|framework.UpdateNodeAllocatable, nil),
			"taints": on(framework.Node, framework.UpdateNodeTaint, nil),
			"labels": on(framework.Pod, framework.UpdatePodLabel, nil),
			"picky":  on(framework.Pod, framework.Delete, picky),
			"broken": on(framework.Pod, framework.Add, broken),
			"gates":  on(framework.Pod, framework.UpdatePodSchedulingGatesEliminated, nil),
		}},
		InitialBackoff: time.Second, MaxBackoff: 10 * time.Second, MaxUnschedulable: 5 * time.Minute,
	}
}

func (p *player) do(command string, args []string) {
	p.t.Helper()
	switch command {
	case "add":
		p.add(args)
	case "ungate":
		p.change(args[0], func(pod *v1.Pod) { pod.Spec.SchedulingGates = nil })
	case "label":
		p.change(args[0], func(pod *v1.Pod) { pod.Labels = map[string]string{"label": args[1]} })
	case "delete":
		p.queue.Delete(p.pods[args[0]])
	case "pop":
		p.pop()
	case "done":
		p.queue.Done(p.pods[args[0]].UID)
	case "fail":
		p.fail(args[0], args[1:])
	case "error":
		p.fail(args[0], nil)
	case "event":
		p.event(args)
	case "activate":
		p.queue.Activate(p.ctx, map[string]*v1.Pod{args[0]: p.pods[args[0]]})
	case "pass":
		d, err := time.ParseDuration(args[0])
		if err != nil {
			p.t.Fatal(err)
		}
		<-time.After(d)
	case "show":
		p.show()
	default:
		p.t.Fatalf("unknown command %q", command)
	}
}

func (p *player) add(args []string) {
	priority := int32(0)
	pod := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Name: args[0], UID: types.UID(args[0])}}
	for _, arg := range args[1:] {
		if arg == "gates" {
			pod.Spec.SchedulingGates = []v1.PodSchedulingGate{{Name: "g"}}
		} else if _, err := fmt.Sscanf(arg, "priority=%d", &priority); err != nil {
			p.t.Fatalf("add: %q: %v", arg, err)
		}
	}
	pod.Spec.Priority = &priority
	p.pods[args[0]] = pod
	status, err := p.queue.Add(p.ctx, pod)
	if err != nil {
		p.t.Fatal(err)
	}
	if !status.IsSuccess() {
		fmt.Fprintf(&p.out, "    %s\n", status.Message())
	}
	// Pods that come at one time have no order among them.
	<-time.After(time.Millisecond)
}

func (p *player) change(name string, change func(*v1.Pod)) {
	old := p.pods[name]
	changed := old.DeepCopy()
	change(changed)
	p.pods[name] = changed
	if _, err := p.queue.Update(p.ctx, old, changed); err != nil {
		p.t.Fatal(err)
	}
}

func (p *player) pop() {
	popped := p.queue.tryPop()
	if popped == nil {
		fmt.Fprintln(&p.out, "    nothing")
		return
	}
	p.flying[popped.Pod().Name] = popped
	fmt.Fprintf(&p.out, "    %s, attempt %d\n", popped.Pod().Name, popped.GetAttempts())
}

func (p *player) fail(name string, plugins []string) {
	flying := p.flying[name]
	flying.UnschedulablePlugins, flying.PendingPlugins = sets.New[string](), sets.New[string]()
	for _, plugin := range plugins {
		if pending, ok := strings.CutPrefix(plugin, "?"); ok {
			flying.PendingPlugins.Insert(pending)
		} else {
			flying.UnschedulablePlugins.Insert(plugin)
		}
	}
	if p.queue.Return(p.ctx, flying) == nil {
		fmt.Fprintln(&p.out, "    gone")
	}
}

func (p *player) event(args []string) {
	actions := map[string]framework.ActionType{
		"add": framework.Add, "delete": framework.Delete, "taint": framework.UpdateNodeTaint,
		"allocatable": framework.UpdateNodeAllocatable, "condition": framework.UpdateNodeCondition,
	}
	var obj any
	if len(args) > 2 {
		obj = args[2]
	}
	p.queue.Notify(p.ctx, framework.ClusterEvent{Resource: framework.EventResource(args[0]), ActionType: actions[args[1]]}, nil, obj)
}

func (p *player) show() {
	q := p.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	var lines []string
	for _, pod := range q.pods {
		line := fmt.Sprintf("    %s: %s", pod.Pod().Name, pod.place)
		switch {
		case pod.place == backoff || pod.place == errorBackoff:
			line += fmt.Sprintf(" for %v", time.Until(pod.backoffUntil))
		case pod.place == unschedulable:
			line += " by " + strings.Join(slices.Sorted(pod.rejecters), ", ")
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	if len(lines) == 0 {
		lines = []string{"    nothing"}
	}
	fmt.Fprintln(&p.out, strings.Join(lines, "\n"))
	if len(q.flights.events) > 0 {
		fmt.Fprintf(&p.out, "    %d events kept\n", len(q.flights.events))
	}
}
