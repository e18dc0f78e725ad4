package scheduler

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/tools/cache"

	"github.com/proa-sh/proa/pkg/scheduler/profile"
)

// TestPodHistories plays what an informer may show of one pod, a relist and changes that come as one included, while the
// scheduler has it in its queue or assumed on a node. Whatever comes, a pod that has gone is counted nowhere.
//
//	show X      the informer shows the pod as X (of pods below)
//	gone X      the informer shows that the pod, as X, was deleted
//	relist X    the informer missed the deletion and shows it at a relist, with the pod as it knew it: X
//	assume      a cycle takes the pod from the queue and counts it on node n
//	bound       its binding has ended well
func TestPodHistories(t *testing.T) {
	pods := map[string]*v1.Pod{
		"pending": newPod("p", "1"),
		"bound":   newPod("p", "1", func(p *v1.Pod) { p.Spec.NodeName = "n" }),
		"moved":   newPod("p", "1", func(p *v1.Pod) { p.Spec.NodeName = "m" }),
		"failed":  newPod("p", "1", func(p *v1.Pod) { p.Status.Phase = v1.PodFailed }),
		"ended":   newPod("p", "1", func(p *v1.Pod) { p.Spec.NodeName, p.Status.Phase = "n", v1.PodFailed }),
		"foreign": newPod("p", "1", func(p *v1.Pod) { p.Spec.SchedulerName = "x" }),
	}
	const (
		nowhere = "queue 0, cache 0, assumed 0"
		queued  = "queue 1, cache 0, assumed 0"
		assumed = "queue 0, cache 1, assumed 1"
		counted = "queue 0, cache 1, assumed 0"
	)
	for _, history := range []struct{ name, steps, want string }{
		{"confirmed", "show pending; assume; bound; show bound", counted},
		{"bound elsewhere", "show pending; assume; bound; show moved", counted},
		{"not shown yet", "show pending; assume; bound", assumed},
		{"deleted, the binding was never shown", "show pending; assume; bound; relist pending", nowhere},
		{"deleted while it is bound", "show pending; assume; gone pending; bound", nowhere},
		{"ended, the binding was never shown", "show pending; assume; bound; show failed", nowhere},
		{"bound and ended in one change", "show pending; assume; bound; show ended", nowhere},
		{"bound and deleted in one change", "show pending; assume; bound; gone bound", nowhere},
		{"ended before it was assumed", "show pending; take; show failed; claim; bound; show ended", nowhere},
		{"ended before it was assumed, relisted", "show pending; take; show failed; claim; bound; relist failed", nowhere},
		{"ended before it was assumed, ended pods are not shown", "show pending; take; gone failed; claim", nowhere},
		{"deleted before it was assumed", "show pending; take; gone pending; claim", nowhere},
		{"bound by somebody else and deleted in one change", "show pending; gone bound", nowhere},
		{"given to another scheduler", "show pending; assume; bound; show foreign", nowhere},
		{"still in the queue", "show pending", queued},
		{"deleted from the queue", "show pending; relist pending", nowhere},
	} {
		t.Run(history.name, func(t *testing.T) {
			h := newPodHistory(t, pods)
			for step := range strings.SplitSeq(history.steps, "; ") {
				h.play(step)
			}
			if diff := cmp.Diff(history.want, h.where()); diff != "" {
				t.Errorf("after %s (-want +got):\n%s", history.steps, diff)
			}
		})
	}
}

// podHistory is a scheduler of which nothing runs but what the history says.
type podHistory struct {
	t       *testing.T
	s       *Scheduler
	handler cache.ResourceEventHandler
	pods    map[string]*v1.Pod
	shown   *v1.Pod
	taken   *attempt
}

func newPodHistory(t *testing.T, pods map[string]*v1.Pod) *podHistory {
	client := fake.NewClientset()
	s, err := New(Config{Informers: informers.NewSharedInformerFactory(client, 0), Client: client})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"m", "n"} {
		s.cache.SetNode(newNode(name, "4"))
	}
	return &podHistory{t: t, s: s, pods: pods, handler: typed(s.podChanged)}
}

func (h *podHistory) play(step string) {
	h.t.Helper()
	what, name, _ := strings.Cut(step, " ")
	pod := h.pods[name]
	switch what {
	case "show":
		if h.shown == nil {
			h.handler.OnAdd(pod, false)
		} else {
			h.handler.OnUpdate(h.shown, pod)
		}
		h.shown = pod
	case "gone":
		h.handler.OnDelete(pod)
	case "relist":
		h.handler.OnDelete(cache.DeletedFinalStateUnknown{Key: "default/p", Obj: pod})
	case "assume":
		h.take()
		h.claim()
	case "take":
		h.take()
	case "claim":
		h.claim()
	case "bound":
		h.s.queue.Done("p")
	default:
		h.t.Fatalf("unknown step %q", step)
	}
}

func (h *podHistory) take() {
	h.t.Helper()
	p, err := h.s.queue.Pop(context.Background())
	if err != nil {
		h.t.Fatal(err)
	}
	h.taken = &attempt{queued: p, pod: p.Pod(), profile: h.s.profiles[v1.DefaultSchedulerName], state: profile.NewCycleState(), node: "n"}
}

func (h *podHistory) claim() {
	if status := h.s.claim(context.Background(), h.taken); !status.IsSuccess() {
		h.s.giveUp(context.Background(), h.taken, status)
	}
}

func (h *podHistory) where() string {
	queued := 0
	for _, n := range h.s.queue.Counts() {
		queued += n
	}
	_, pods, assumed := h.s.cache.Counts()
	return fmt.Sprintf("queue %d, cache %d, assumed %d", queued, pods, assumed)
}
