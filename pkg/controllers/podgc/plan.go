package podgc

import (
	"cmp"
	"slices"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"

	"github.com/proa-sh/proa/pkg/nodes"
	"github.com/proa-sh/proa/pkg/pods"
)

// quarantine is how long a node must be gone before its pods are: its object may just have been made anew.
const quarantine = 40 * time.Second

// outcome is what becomes of a pod.
type outcome struct {
	// message says why the pod goes, in the words of its condition; an empty one means that it stays.
	message string
	// disrupted says that the pod would have run on, which its status must tell.
	disrupted bool
	// after is when to look again; 0 means never.
	after time.Duration
}

// plan decides about one pod. node is its node, nil when that is gone, since when goneSince tells.
func plan(pod *v1.Pod, node *v1.Node, goneSince, now time.Time) outcome {
	switch {
	case pod.Spec.NodeName == "":
		if pod.DeletionTimestamp != nil {
			return outcome{message: "PodGC: unscheduled pod is being deleted"}
		}
		return outcome{}
	case node == nil:
		if left := goneSince.Add(quarantine).Sub(now); left > 0 {
			return outcome{after: left}
		}
		return outcome{message: "PodGC: node no longer exists", disrupted: true}
	case pod.DeletionTimestamp != nil && outOfService(node):
		return outcome{message: "PodGC: node is out of service", disrupted: true}
	default:
		return outcome{}
	}
}

// outOfService says whether a node was declared so and is indeed not ready.
func outOfService(node *v1.Node) bool {
	return !nodes.IsReady(node) && slices.ContainsFunc(node.Spec.Taints, func(t v1.Taint) bool { return t.Key == v1.TaintNodeOutOfService })
}

// surplus are the ended pods beyond most, oldest first; evicted ones go before others.
func surplus(all []*v1.Pod, most int) []*v1.Pod {
	if most <= 0 {
		return nil
	}
	var ended []*v1.Pod
	for _, pod := range all {
		if pods.IsTerminal(pod) && pod.DeletionTimestamp == nil {
			ended = append(ended, pod)
		}
	}
	excess := len(ended) - most
	if excess <= 0 {
		return nil
	}
	evicted := func(pod *v1.Pod) int {
		if pod.Status.Reason == "Evicted" {
			return 0
		}
		return 1
	}
	slices.SortFunc(ended, func(a, b *v1.Pod) int {
		return cmp.Or(cmp.Compare(evicted(a), evicted(b)), a.CreationTimestamp.Time.Compare(b.CreationTimestamp.Time), strings.Compare(a.Name, b.Name))
	})
	return ended[:excess]
}
