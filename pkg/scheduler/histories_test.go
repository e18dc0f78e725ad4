package scheduler

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/tools/cache"
	"k8s.io/component-helpers/storage/volume"
	"k8s.io/kube-scheduler/framework"
	"k8s.io/utils/ptr"

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
		"pending":   newPod("p", "1"),
		"bound":     newPod("p", "1", func(p *v1.Pod) { p.Spec.NodeName = "n" }),
		"moved":     newPod("p", "1", func(p *v1.Pod) { p.Spec.NodeName = "m" }),
		"failed":    newPod("p", "1", func(p *v1.Pod) { p.Status.Phase = v1.PodFailed }),
		"ended":     newPod("p", "1", func(p *v1.Pod) { p.Spec.NodeName, p.Status.Phase = "n", v1.PodFailed }),
		"nominated": newPod("p", "1", func(p *v1.Pod) { p.Status.NominatedNodeName = "n" }),
		"foreign":   newPod("p", "1", func(p *v1.Pod) { p.Spec.SchedulerName = "x" }),
	}
	const (
		nowhere = "queue 0, cache 0, assumed 0"
		queued  = "queue 1, cache 0, assumed 0"
		flying  = "queue 1, cache 1, assumed 1"
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
		{"nominated", "show pending; show nominated", queued + ", nominated 1"},
		{"nominated and assumed", "show nominated; assume", flying},
		{"nominated while it is assumed", "show pending; assume; show nominated", flying},
		{"nominated while it is assumed, and given up", "show pending; assume; show nominated; give up", queued + ", nominated 1"},
		{"nominated, assumed and bound", "show nominated; assume; bound; show bound", counted},
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
	case "give":
		h.s.giveUp(context.Background(), h.taken, framework.NewStatus(framework.Unschedulable, "no"))
		h.s.workers.Wait()
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
	where := fmt.Sprintf("queue %d, cache %d, assumed %d", queued, pods, assumed)
	if n := len(h.s.nominator.NominatedPodsForNode("n")); n > 0 {
		where += fmt.Sprintf(", nominated %d", n)
	}
	return where
}

// TestSchedulerWaitsForClaims: a pod waits for its claims with the reason in its condition, and goes on when they are bound.
func TestSchedulerWaitsForClaims(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t, nil, newNode("n", "4"))
		uses := func(p *v1.Pod) {
			p.Spec.Volumes = []v1.Volume{{Name: "v", VolumeSource: v1.VolumeSource{PersistentVolumeClaim: &v1.PersistentVolumeClaimVolumeSource{ClaimName: "data"}}}}
		}
		wants := func(p *v1.Pod) {
			p.Spec.ResourceClaims = []v1.PodResourceClaim{{Name: "gpu", ResourceClaimName: ptr.To("gpu")}}
		}
		c.create(newPod("p", "1", uses), newPod("q", "1", wants))
		check := func(name, node, condition string) {
			t.Helper()
			pod := c.pod(name)
			if diff := cmp.Diff([]string{node, condition}, []string{pod.Spec.NodeName, conditionOf(pod)}); diff != "" {
				t.Errorf("node and condition of %s (-want +got):\n%s", name, diff)
			}
		}
		const never = " preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling."
		check("p", "", `False Unschedulable: 0/1 nodes are available: persistentvolumeclaim "data" not found.`+never)
		check("q", "", `False Unschedulable: 0/1 nodes are available: resourceclaim "gpu" not found.`+never)

		ctx := context.Background()
		claims, volumes := c.client.CoreV1().PersistentVolumeClaims("default"), c.client.CoreV1().PersistentVolumes()
		claim := &v1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "data", UID: "data"}}
		if _, err := claims.Create(ctx, claim, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		pass(15 * time.Second)
		check("p", "", "False Unschedulable: 0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims."+never)

		if _, err := volumes.Create(ctx, &v1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: "pv", UID: "pv"}}, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		claim = claim.DeepCopy()
		claim.Annotations = map[string]string{volume.AnnBindCompleted: "yes"}
		claim.Spec.VolumeName, claim.Status.Phase = "pv", v1.ClaimBound
		if _, err := claims.Update(ctx, claim, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
		pass(15 * time.Second)
		if node := c.pod("p").Spec.NodeName; node != "n" {
			t.Errorf("pod is on node %q when its claim is bound, want n", node)
		}
	})
}
