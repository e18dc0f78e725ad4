package scheduler

import (
	"fmt"

	v1 "k8s.io/api/core/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
	"k8s.io/kube-scheduler/framework"

	"github.com/proa-sh/proa/pkg/scheduler/queue"
)

var (
	podAdded   = framework.ClusterEvent{Resource: framework.Pod, ActionType: framework.Add}
	podDeleted = framework.ClusterEvent{Resource: framework.Pod, ActionType: framework.Delete}
	nodeAdded  = framework.ClusterEvent{Resource: framework.Node, ActionType: framework.Add}
	nodeGone   = framework.ClusterEvent{Resource: framework.Node, ActionType: framework.Delete}
)

// watch registers the handlers that feed cache and queue.
func (s *Scheduler) watch(f informers.SharedInformerFactory) error {
	pods, err := f.Core().V1().Pods().Informer().AddEventHandler(typed(s.podChanged))
	if err != nil {
		return fmt.Errorf("watch pods: %w", err)
	}
	nodes, err := f.Core().V1().Nodes().Informer().AddEventHandler(typed(s.nodeChanged))
	if err != nil {
		return fmt.Errorf("watch nodes: %w", err)
	}
	s.synced = append(s.synced, pods.HasSyncedChecker(), nodes.HasSyncedChecker())
	for _, p := range s.profiles {
		s.synced = append(s.synced, p.Synced()...)
	}
	return s.watchOthers(f)
}

// typed calls back with the older and the newer object of a change; nil for none.
func typed[T any](changed func(old, obj *T)) cache.ResourceEventHandler {
	return cache.ResourceEventHandlerFuncs{
		AddFunc: func(obj any) {
			if o, ok := obj.(*T); ok {
				changed(nil, o)
			}
		},
		UpdateFunc: func(old, obj any) {
			before, ok := old.(*T)
			after, alsoOK := obj.(*T)
			if ok && alsoOK {
				changed(before, after)
			}
		},
		DeleteFunc: func(obj any) {
			if gone, ok := obj.(cache.DeletedFinalStateUnknown); ok {
				obj = gone.Obj
			}
			if o, ok := obj.(*T); ok {
				changed(o, nil)
			}
		},
	}
}

// place is where the scheduler keeps a pod.
type place int

const (
	// elsewhere are pods that do not concern the scheduler: they have ended, or are another scheduler's.
	elsewhere place = iota
	inQueue
	onNode
)

func (s *Scheduler) placeOf(pod *v1.Pod) place {
	switch {
	case pod == nil || pod.Status.Phase == v1.PodSucceeded || pod.Status.Phase == v1.PodFailed:
		return elsewhere
	case pod.Spec.NodeName != "":
		return onNode
	case s.profiles[pod.Spec.SchedulerName] != nil:
		return inQueue
	default:
		return elsewhere
	}
}

// podChanged moves a pod between queue and cache, and tells the queue what that means for others.
func (s *Scheduler) podChanged(old, pod *v1.Pod) {
	if old != nil && pod != nil && old.UID != pod.UID {
		// Deletion and creation under the same name can come as one change.
		s.podChanged(old, nil)
		old = nil
	}
	switch was, is := s.placeOf(old), s.placeOf(pod); {
	case is == onNode:
		s.podOnNode(old, pod, was)
	case is == inQueue:
		s.podInQueue(old, pod, was)
	default:
		s.podLeft(old, pod, was)
	}
}

func (s *Scheduler) podOnNode(old, pod *v1.Pod, was place) {
	logger := klog.FromContext(s.handling)
	if err := s.cache.SetPod(pod); err != nil {
		logger.Error(err, "Pod is not counted as it should be", "pod", klog.KObj(pod))
	}
	if was == inQueue {
		s.queue.Delete(pod)
	}
	s.nominator.DeleteNominatedPodIfExists(pod)
	if was != onNode {
		s.queue.Notify(s.handling, podAdded, nil, pod)
		return
	}
	for _, event := range queue.PodChanges(old, pod) {
		s.queue.Notify(s.handling, event, old, pod)
	}
}

func (s *Scheduler) podInQueue(old, pod *v1.Pod, was place) {
	logger := klog.FromContext(s.handling)
	if was != inQueue {
		old = pod
	}
	if err := s.nominator.Observe(logger, old, pod); err != nil {
		logger.Error(err, "Nominated pod is not counted as it should be", "pod", klog.KObj(pod))
	}
	update := s.queue.Update
	if s.cache.IsAssumed(pod.UID) {
		// The pod has a node, which the informer is yet to show. It must not come into the queue again, and is counted there:
		// a prospect of before would count it twice. (A cycle that assumes it from now on takes the prospect away itself.)
		s.nominator.DeleteNominatedPodIfExists(pod)
		update = s.queue.UpdateKnown
	}
	status, err := update(s.handling, old, pod)
	if err != nil {
		logger.Error(err, "Pod has a fault that keeps it from being scheduled", "pod", klog.KObj(pod))
	}
	if !status.IsSuccess() {
		s.noteGated(pod, status)
	}
}

// podLeft forgets a pod that is nobody's any more. Where it was last seen does not say where it is: the cache may have it
// assumed on a node that the informer never showed, and it may have been bound, and have ended, in one change.
func (s *Scheduler) podLeft(old, pod *v1.Pod, was place) {
	last := old
	if last == nil {
		last = pod
	}
	if was != elsewhere || pod == nil {
		// Before the cache is looked at: a cycle that assumes the pod meanwhile sees afterwards that it has gone.
		s.queue.Delete(last)
		s.nominator.DeleteNominatedPodIfExists(last)
		s.waiting.Reject(last.UID, "pod was deleted")
	}
	if node, counted := s.cache.NodeOf(last.UID); counted {
		if err := s.cache.RemovePod(last); err != nil {
			klog.FromContext(s.handling).Error(err, "Deleted pod may still be counted", "pod", klog.KObj(last))
		}
		s.queue.Notify(s.handling, podDeleted, onNodeNamed(last, node), nil)
	} else if was == onNode || last.Status.NominatedNodeName != "" {
		// Others may have the room that was kept for it.
		s.queue.Notify(s.handling, podDeleted, last, nil)
	}
}

// onNodeNamed is a pod as it is, or would be, on a node, for plugins that ask what a deleted pod leaves behind.
func onNodeNamed(pod *v1.Pod, node string) *v1.Pod {
	if pod.Spec.NodeName == node {
		return pod
	}
	moved := *pod
	moved.Spec.NodeName = node
	return &moved
}

// nodeChanged keeps the cache's nodes, and tells the queue.
func (s *Scheduler) nodeChanged(old, node *v1.Node) {
	switch {
	case node == nil:
		s.cache.RemoveNode(old)
		s.queue.Notify(s.handling, nodeGone, old, nil)
	case old == nil:
		s.cache.SetNode(node)
		s.queue.Notify(s.handling, nodeAdded, nil, node)
	default:
		s.cache.SetNode(node)
		for _, event := range queue.NodeChanges(old, node) {
			s.queue.Notify(s.handling, event, old, node)
		}
	}
}
