package histories

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing/synctest"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/proa-sh/proa/pkg/pods"
)

// walk takes a world through random steps, of which each is one small thing: a request is served, fails or is the last of
// a program, a cache is shown an event, a pod runs or ends, a user changes something, time passes.
type walk struct {
	*World
	random *rand.Rand
	checks *invariants
	tail   []string // the last steps, for whoever reads a failure
}

func newWalk(w *World, seed uint64) *walk {
	k := &walk{World: w, random: rand.New(rand.NewPCG(seed, 0))}
	k.quiet = true
	k.checks = newInvariants(w)
	k.pick = func(count int) int { return k.random.IntN(count) }
	return k
}

// cached are the resources whose events are held back now and then.
var cached = []schema.GroupResource{
	{Resource: "pods"}, {Group: "apps", Resource: "replicasets"}, {Group: "apps", Resource: "deployments"}, {Group: "apps", Resource: "statefulsets"},
	{Group: "apps", Resource: "controllerrevisions"}, {Group: "batch", Resource: "jobs"}, {Group: "policy", Resource: "poddisruptionbudgets"},
}

// choice is a kind of step with its weight.
type choice struct {
	weight int
	step   func(*walk) string // "" when there was nothing to do
}

var choices = []choice{
	{60, (*walk).serveOne},
	{40, (*walk).takeOne},
	{16, (*walk).advancePod},
	{3, (*walk).endPod},
	{2, (*walk).deletePod},
	{4, (*walk).changeSpec},
	{2, (*walk).holdBack},
	{8, (*walk).showOne},
	{3, (*walk).failOne},
	{1, (*walk).killOne},
	{3, (*walk).passTime},
}

// step makes one step and checks what must always be true.
func (k *walk) step() {
	k.t.Helper()
	synctest.Wait()
	what := ""
	for what == "" {
		n := k.random.IntN(142)
		for _, c := range choices {
			if n -= c.weight; n < 0 {
				what = c.step(k)
				break
			}
		}
	}
	k.tail = append(k.tail[max(len(k.tail)-2000, 0):], what)
	synctest.Wait()
	if broken := k.checks.always(); broken != "" {
		k.fail(broken)
	}
}

// fail ends the test with the state of things and the steps that led to it.
func (k *walk) fail(broken string) {
	k.t.Helper()
	k.taken()
	for _, one := range append([]string{"pods"}, k.there()...) {
		k.must(k.show([]string{one}), "show %s", one)
	}
	k.t.Fatalf("%s\nafter:\n%s\nstate:\n%s", broken, strings.Join(k.tail, "\n"), strings.Join(k.taken(), "\n"))
}

// there are the workloads that exist.
func (k *walk) there() []string {
	var all []string
	for _, one := range workloads {
		where, err := k.at(one.target)
		k.must(err, "find %s", one.target)
		if k.get(where) != nil {
			all = append(all, one.target)
		}
	}
	return all
}

func (k *walk) takeOne() string {
	who := k.take()
	if who == "" {
		return ""
	}
	return who + ": takes a key"
}

func (k *walk) serveOne() string {
	c := k.wires.take(k.pick)
	if c == nil {
		return ""
	}
	k.serve(c)
	return k.describe(c)
}

// failOne answers a request with an error; with some, the server has done what it was asked for all the same.
func (k *walk) failOne() string {
	c := k.wires.take(k.pick)
	if c == nil {
		return ""
	}
	status := []int{500, 504, 409, 429}[k.random.IntN(4)]
	done := status == 504 && k.random.IntN(2) == 0
	k.generateName(c)
	c.verdict <- verdict{status: status, done: done}
	<-c.served
	close(c.answer)
	return fmt.Sprintf("%s: %d %s, done=%v", k.describe(c), status, http.StatusText(status), done)
}

func (k *walk) killOne() string {
	c := k.wires.take(k.pick)
	if c == nil {
		return ""
	}
	line := k.describe(c)
	if k.random.IntN(2) == 0 {
		k.Restart()
		return line + ": killed before it"
	}
	k.generateName(c)
	c.verdict <- verdict{lost: true}
	<-c.served
	k.Restart()
	return line + ": killed after it"
}

func (k *walk) passTime() string {
	d := []time.Duration{time.Millisecond, 100 * time.Millisecond, time.Second, 11 * time.Second, time.Minute}[k.random.IntN(5)]
	timer := time.NewTimer(d)
	defer timer.Stop()
	k.sleep(timer)
	return "time passes"
}

func (k *walk) holdBack() string {
	resource := cached[k.random.IntN(len(cached))]
	k.server.db.hold(resource)
	return "hold " + resource.Resource
}

func (k *walk) showOne() string {
	resource := cached[k.random.IntN(len(cached))]
	count := []int{1, 1, 2, -1}[k.random.IntN(4)]
	k.release(resource, count)
	return fmt.Sprintf("release %s %d", resource.Resource, count)
}

// anyPod returns a random pod that passes.
func (k *walk) anyPod(passes func(*v1.Pod) bool) *v1.Pod {
	all := slices.DeleteFunc(k.Pods(), func(pod v1.Pod) bool { return !passes(&pod) })
	if len(all) == 0 {
		return nil
	}
	return &all[k.random.IntN(len(all))]
}

// advancePod does what a scheduler or kubelet would do next with a pod.
func (k *walk) advancePod() string {
	pod := k.anyPod(func(pod *v1.Pod) bool {
		return pod.DeletionTimestamp != nil && (!pods.IsTerminal(pod) || *pod.DeletionGracePeriodSeconds > 0) ||
			pod.DeletionTimestamp == nil && !pods.IsTerminal(pod) && pod.Status.Phase != v1.PodRunning
	})
	if pod == nil {
		return ""
	}
	one := kubelet{term: []int32{143, 0}[k.random.IntN(2)]}
	one.advance(k.World, pod)
	return "kubelet: next step of " + pod.Name
}

// endPod lets the containers of a running pod end by themselves.
func (k *walk) endPod() string {
	pod := k.anyPod(func(pod *v1.Pod) bool { return pod.Status.Phase == v1.PodRunning && pod.DeletionTimestamp == nil })
	if pod == nil {
		return ""
	}
	code := int32(k.random.IntN(2))
	k.exit(pod, code)
	return fmt.Sprintf("kubelet: %s ends with %d", pod.Name, code)
}

// deletePod is a user's, or a drain's.
func (k *walk) deletePod() string {
	pod := k.anyPod(func(pod *v1.Pod) bool { return pod.DeletionTimestamp == nil })
	if pod == nil {
		return ""
	}
	k.must(k.delete("pods/"+pod.Name, nil), "delete pod")
	return "user: delete pod " + pod.Name
}

// changeSpec changes one of the workloads, or makes it anew.
func (k *walk) changeSpec() string {
	one := workloads[k.random.IntN(len(workloads))]
	where, err := k.at(one.target)
	k.must(err, "find %s", one.target)
	if k.get(where) == nil {
		k.must(k.create(one.object), "create %s", one.target)
		return "user: create " + one.target
	}
	if k.random.IntN(12) == 0 {
		how := [][]string{nil, {"foreground"}, {"orphan"}}[k.random.IntN(3)]
		if one.whole {
			how = nil
		}
		k.must(k.delete(one.target, how), "delete %s", one.target)
		return fmt.Sprintf("user: delete %s %v", one.target, how)
	}
	patch := one.patches[k.random.IntN(len(one.patches))]
	// A rule may refuse a patch in this state, as that of a running Job's completions.
	if err := k.patch(one.target, patch); err != nil {
		return fmt.Sprintf("user: patch %s %s: refused", one.target, patch)
	}
	return fmt.Sprintf("user: patch %s %s", one.target, patch)
}

// converge lets everything come to rest, as it must when nobody disturbs it.
func (k *walk) converge() {
	k.t.Helper()
	k.traps = nil
	for _, resource := range cached {
		k.release(resource, -1)
	}
	k.kubelet = kubelet{on: true, term: 143}
	k.Advance(20 * time.Minute)
	k.kubelet = kubelet{}
	if broken := k.checks.atRest(); broken != "" {
		k.fail("at rest: " + broken)
	}
	k.tail = append(k.tail, "--- at rest ---")
}
