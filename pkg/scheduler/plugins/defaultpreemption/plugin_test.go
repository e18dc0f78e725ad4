package defaultpreemption

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	k8stesting "k8s.io/client-go/testing"
	"k8s.io/kube-scheduler/framework"

	"github.com/proa-sh/proa/pkg/scheduler/cache"
	"github.com/proa-sh/proa/pkg/scheduler/plugintest"
	"github.com/proa-sh/proa/pkg/scheduler/profile"
)

// fits is a filter that lets a node take as many cores as it has, so that preemption has something to mend. Nodes with
// label broken cannot be mended.
func fits(pod *v1.Pod, node framework.NodeInfo) *framework.Status {
	if _, broken := node.Node().Labels["broken"]; broken {
		return framework.NewStatus(framework.UnschedulableAndUnresolvable, "broken").WithPlugin(Name)
	}
	want := cache.NewResource(cache.Requests(pod)).MilliCPU
	if want > node.GetAllocatable().GetMilliCPU()-node.GetRequested().GetMilliCPU() {
		return framework.NewStatus(framework.Unschedulable, "Insufficient cpu").WithPlugin(Name)
	}
	return nil
}

// withFilter is the plugin with a Filter, as the environment has room for one plugin.
type withFilter struct{ *Plugin }

func (withFilter) Filter(_ context.Context, _ framework.CycleState, pod *v1.Pod, node framework.NodeInfo) *framework.Status {
	return fits(pod, node)
}

func pod(t testing.TB, name string, priority int, cpu, more string) *v1.Pod {
	p := plugintest.Pod(t, name, fmt.Sprintf("spec: {priority: %d, containers: [{resources: {requests: {cpu: '%s'}}}]}", priority, cpu))
	plugintest.Fill(t, p, more)
	return p
}

func on(node string, p *v1.Pod) *v1.Pod {
	p.Spec.NodeName = node
	return p
}

func started(minute int) string {
	return fmt.Sprintf("status: {startTime: '2026-01-01T00:%02d:00Z'}", minute)
}

func TestPostFilter(t *testing.T) {
	const evicted = "status: {conditions: [{type: DisruptionTarget, status: 'True', reason: PreemptionByScheduler}]}"
	terminating := on("a", pod(t, "x", 1, "4", evicted))
	now := metav1.Now()
	terminating.DeletionTimestamp = &now
	budget := &policyv1.PodDisruptionBudget{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "pdb"}}
	plugintest.Fill(t, budget, "spec: {selector: {matchLabels: {app: guarded}}}")
	const guarded = "metadata: {labels: {app: guarded}}"
	tests := []struct {
		name     string
		nodes    []*v1.Node
		existing []*v1.Pod
		pod      *v1.Pod
		// want are the nominated node and the pods deleted, or the reason why there are none.
		want string
	}{
		{
			name: "evicts one", existing: []*v1.Pod{on("a", pod(t, "x", 1, "3", ""))}, pod: pod(t, "p", 10, "2", ""), want: "a: x",
		},
		{
			name:     "evicts no more than needed, the least important first",
			existing: []*v1.Pod{on("a", pod(t, "x", 3, "1", "")), on("a", pod(t, "y", 1, "1", "")), on("a", pod(t, "z", 2, "2", ""))},
			pod:      pod(t, "p", 10, "1", ""), want: "a: y",
		},
		{
			name: "of like priority the youngest", existing: []*v1.Pod{on("a", pod(t, "x", 1, "2", started(1))), on("a", pod(t, "y", 1, "2", started(2)))},
			pod: pod(t, "p", 10, "2", ""), want: "a: y",
		},
		{
			name: "spares pods under a budget", existing: []*v1.Pod{on("a", pod(t, "x", 1, "2", guarded)), on("a", pod(t, "y", 2, "2", ""))},
			pod: pod(t, "p", 10, "2", ""), want: "a: y",
		},
		{
			name: "breaks a budget when it must", existing: []*v1.Pod{on("a", pod(t, "x", 1, "4", guarded))},
			pod: pod(t, "p", 10, "2", ""), want: "a: x",
		},
		{
			name: "the node with the least important victim", nodes: []*v1.Node{plugintest.Node(t, "b", "")},
			existing: []*v1.Pod{on("a", pod(t, "x", 2, "4", "")), on("b", pod(t, "y", 1, "4", ""))}, pod: pod(t, "p", 10, "2", ""), want: "b: y",
		},
		{
			name: "nobody less important", existing: []*v1.Pod{on("a", pod(t, "x", 10, "4", ""))}, pod: pod(t, "p", 10, "2", ""),
			want: "Unschedulable: preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod. (nominates \"\")",
		},
		{
			name: "would not be enough, or not help", nodes: []*v1.Node{plugintest.Node(t, "b", "metadata: {labels: {broken: ''}}")},
			existing: []*v1.Pod{on("a", pod(t, "x", 10, "3", "")), on("a", pod(t, "y", 1, "1", ""))}, pod: pod(t, "p", 10, "2", ""),
			want: "Unschedulable: preemption: 0/2 nodes are available: 1 Insufficient cpu, 1 Preemption is not helpful for scheduling. (nominates \"\")",
		},
		{
			name: "does not want to", existing: []*v1.Pod{on("a", pod(t, "x", 1, "4", ""))}, pod: pod(t, "p", 10, "2", "spec: {preemptionPolicy: Never}"),
			want: "Unschedulable: preemption: not eligible due to preemptionPolicy=Never.",
		},
		{
			name: "has only to wait", existing: []*v1.Pod{terminating}, pod: pod(t, "p", 10, "2", "status: {nominatedNodeName: a}"),
			want: "Unschedulable: preemption: not eligible due to a terminating pod on the nominated node.",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, preempt(t, tt.pod, budget, append(tt.nodes, plugintest.Node(t, "a", "")), tt.existing)); diff != "" {
				t.Errorf("outcome (-want +got):\n%s", diff)
			}
		})
	}
}

// preempt runs a cycle of a pod that fits nowhere.
func preempt(t *testing.T, p *v1.Pod, budget *policyv1.PodDisruptionBudget, nodes []*v1.Node, existing []*v1.Pod) string {
	ctx := context.Background()
	e := plugintest.New(t, Name, func(ctx context.Context, args runtime.Object, h framework.Handle) (framework.Plugin, error) {
		made, err := New(ctx, args, h)
		if err != nil {
			return nil, err
		}
		return withFilter{made.(*Plugin)}, nil
	}, nil).Nodes(nodes...).Pods(existing...)
	if err := e.Informers.Policy().V1().PodDisruptionBudgets().Informer().GetIndexer().Add(budget); err != nil {
		t.Fatal(err)
	}
	for _, x := range existing {
		if _, err := e.Client.CoreV1().Pods(x.Namespace).Create(ctx, x, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	e.Client.ClearActions()
	state := profile.NewCycleState()
	_, err := e.Profile.FindNode(ctx, state, p)
	fit, ok := err.(*profile.FitError)
	if !ok {
		t.Fatalf("want a FitError, got %v", err)
	}
	result, status := e.Profile.RunPostFilterPlugins(ctx, state, p, &fit.Diagnosis)
	if !status.IsSuccess() {
		text := plugintest.Text(status)
		if result != nil {
			text += fmt.Sprintf(" (nominates %q)", result.NominatedNodeName)
		}
		return text
	}
	return result.NominatedNodeName + ": " + strings.Join(evictions(t, e), " ")
}

// evictions are the pods deleted, each of which must have been told why.
func evictions(t *testing.T, e *plugintest.Env) []string {
	told := map[string]bool{}
	var deleted []string
	for _, action := range e.Client.Actions() {
		switch a := action.(type) {
		case k8stesting.PatchAction:
			told[a.GetName()] = strings.Contains(string(a.GetPatch()), `"reason":"PreemptionByScheduler"`)
		case k8stesting.DeleteAction:
			if !told[a.GetName()] {
				t.Errorf("pod %s was deleted without a condition", a.GetName())
			}
			deleted = append(deleted, a.GetName())
			if want, got := "Normal Preempted Preempted by pod p on node", <-e.Recorder.Events; !strings.HasPrefix(got, want) {
				t.Errorf("event is %q, want %q", got, want)
			}
		}
	}
	slices.Sort(deleted)
	return deleted
}

// TestClearsOneNomination: the patch names the pod by UID, and a pod made anew under its name is no error.
func TestClearsOneNomination(t *testing.T) {
	e := plugintest.New(t, Name, New, nil)
	var patches []string
	e.Client.PrependReactor("patch", "pods", func(action k8stesting.Action) (bool, runtime.Object, error) {
		patches = append(patches, string(action.(k8stesting.PatchAction).GetPatch()))
		return true, nil, apierrors.NewConflict(v1.Resource("pods"), "lesser", errors.New("the UID is another"))
	})
	for _, p := range []*v1.Pod{pod(t, "none", 1, "1", ""), pod(t, "lesser", 1, "1", "status: {nominatedNodeName: a}")} {
		if err := e.Plugin.(*Plugin).clearNomination(context.Background(), p); err != nil {
			t.Error(err)
		}
	}
	want := []string{`{"metadata":{"uid":"lesser"},"status":{"nominatedNodeName":null}}`}
	if diff := cmp.Diff(want, patches); diff != "" {
		t.Errorf("patches (-want +got):\n%s", diff)
	}
}

func TestSplitByBudget(t *testing.T) {
	budget := func(allowed int32, more string) *policyv1.PodDisruptionBudget {
		b := &policyv1.PodDisruptionBudget{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "pdb"}}
		plugintest.Fill(t, b, "spec: {selector: {matchLabels: {app: a}}}")
		plugintest.Fill(t, b, more)
		b.Status.DisruptionsAllowed = allowed
		return b
	}
	tests := []struct {
		name   string
		budget *policyv1.PodDisruptionBudget
		want   string
	}{
		{name: "allows none", budget: budget(0, ""), want: "[x y] [z]"},
		{name: "allows one", budget: budget(1, ""), want: "[y] [x z]"},
		{name: "knows of one", budget: budget(0, "status: {disruptedPods: {x: '2026-01-01T00:00:00Z'}}"), want: "[y] [x z]"},
		{name: "other namespace", budget: budget(0, "metadata: {namespace: other}"), want: "[] [x y z]"},
		{name: "selects all", budget: budget(0, "spec: {selector: {matchLabels: null}}"), want: "[x y z] []"},
		{name: "selects none", budget: budget(0, "spec: {selector: null}"), want: "[] [x y z]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var pods []framework.PodInfo
			for name, label := range map[string]string{"x": "a", "y": "a", "z": "b"} {
				info, err := cache.NewPodInfo(plugintest.Pod(t, name, "metadata: {labels: {app: "+label+"}}"))
				if err != nil {
					t.Fatal(err)
				}
				pods = append(pods, info)
			}
			slices.SortFunc(pods, func(a, b framework.PodInfo) int { return strings.Compare(a.GetPod().Name, b.GetPod().Name) })
			violating, others, err := splitByBudget(pods, []*policyv1.PodDisruptionBudget{tt.budget})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, fmt.Sprint(names(violating), names(others))); diff != "" {
				t.Errorf("pods (-want +got):\n%s", diff)
			}
		})
	}
}

func names(pods []framework.PodInfo) []string {
	all := []string{}
	for _, p := range pods {
		all = append(all, p.GetPod().Name)
	}
	return all
}

func TestBest(t *testing.T) {
	of := func(node string, violations int, victims ...*v1.Pod) candidate {
		return candidate{node: node, violations: violations, victims: victims}
	}
	victim := func(priority, minute int) *v1.Pod { return pod(t, "v", priority, "1", started(minute)) }
	tests := []struct {
		name       string
		candidates []candidate
		want       string
	}{
		{name: "fewest broken budgets", candidates: []candidate{of("a", 1, victim(1, 1)), of("b", 0, victim(9, 1))}, want: "b"},
		{name: "lowest highest priority", candidates: []candidate{of("a", 0, victim(5, 1)), of("b", 0, victim(4, 1), victim(4, 1))}, want: "b"},
		{name: "lowest sum", candidates: []candidate{of("a", 0, victim(5, 1), victim(4, 1)), of("b", 0, victim(5, 1), victim(3, 1))}, want: "b"},
		{name: "fewest, though negative", candidates: []candidate{of("a", 0, victim(-1, 1), victim(-2, 1)), of("b", 0, victim(-1, 1))}, want: "b"},
		{name: "latest start", candidates: []candidate{of("a", 0, victim(5, 1)), of("b", 0, victim(5, 2))}, want: "b"},
		{name: "first", candidates: []candidate{of("a", 0, victim(5, 1)), of("b", 0, victim(5, 1))}, want: "a"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, best(tt.candidates).node); diff != "" {
				t.Errorf("node (-want +got):\n%s", diff)
			}
		})
	}
}
