package queue

import (
	"k8s.io/klog/v2"
	"k8s.io/kube-scheduler/framework"

	v1 "k8s.io/api/core/v1"
)

// Hints are the events that plugins want to hear of, by plugin name.
type Hints map[string][]framework.ClusterEventWithHint

// verdict is what an event means for a pod that was turned down.
type verdict int

const (
	stay verdict = iota
	retryAfterBackoff
	retryNow
)

// everything is the event that concerns every pod.
var everything = framework.ClusterEvent{Resource: framework.WildCard, ActionType: framework.All}

// event is something that happened, as it is kept for pods in flight.
type event struct {
	cluster  framework.ClusterEvent
	old, new any
	// only is the pod that the event is about, when it concerns no other.
	only *Pod
	// but is the pod that the event does not concern, if any.
	but *Pod
}

func matches(registered, happened framework.ClusterEvent) bool {
	if happened == everything {
		return true
	}
	return (registered.Resource == framework.WildCard || registered.Resource == happened.Resource) &&
		registered.ActionType&happened.ActionType != 0
}

// ask puts an event to the plugins that turned the pod down.
func (q *Queue) ask(logger klog.Logger, p *Pod, e event) verdict {
	if e.cluster == everything {
		return retryAfterBackoff
	}
	hints := q.config.Hints[p.Pod().Spec.SchedulerName]
	answer := stay
	for plugin := range p.rejecters {
		if !worthwhile(logger, hints[plugin], plugin, p.Pod(), e) {
			continue
		}
		if p.PendingPlugins.Has(plugin) {
			return retryNow
		}
		answer = retryAfterBackoff
	}
	return answer
}

// worthwhile tells whether a plugin thinks that the event can make the pod fit. A plugin that fails to say counts as
// one that does: a pod tried in vain is better than one forgotten.
func worthwhile(logger klog.Logger, hints []framework.ClusterEventWithHint, plugin string, pod *v1.Pod, e event) bool {
	for _, h := range hints {
		if !matches(h.Event, e.cluster) {
			continue
		}
		if h.QueueingHintFn == nil {
			return true
		}
		hint, err := h.QueueingHintFn(logger, pod, e.old, e.new)
		if err != nil {
			logger.Error(err, "Queueing hint failed, trying the pod again", "pod", klog.KObj(pod), "plugin", plugin, "event", e.cluster.Label())
			return true
		}
		if hint == framework.Queue {
			return true
		}
	}
	return false
}

// interested are the plugins that any profile has registered for an event.
func (q *Queue) interested(happened framework.ClusterEvent) map[string]bool {
	if names, ok := q.interest[happened]; ok {
		return names
	}
	names := map[string]bool{}
	for _, hints := range q.config.Hints {
		for plugin, events := range hints {
			for _, h := range events {
				if matches(h.Event, happened) {
					names[plugin] = true
				}
			}
		}
	}
	q.interest[happened] = names
	return names
}

// clusterEvents are the events that a plugin has registered.
func (h Hints) clusterEvents(plugin string) []framework.ClusterEvent {
	var events []framework.ClusterEvent
	for _, e := range h[plugin] {
		events = append(events, e.Event)
	}
	return events
}
