package control

import (
	"fmt"
	"maps"
	"slices"

	v1 "k8s.io/api/core/v1"
	coreinformers "k8s.io/client-go/informers/core/v1"
	"k8s.io/client-go/tools/cache"

	"github.com/proa-sh/proa/pkg/pods"
)

const (
	// byLabel is the name of the index of pods by each of their labels, bySelector that of services by one label of their
	// selector.
	byLabel    = "proa.sh/label"
	bySelector = "proa.sh/selector"
)

// Selections finds the pods of a service and the services of a pod without a look at all of the namespace: it looks at those
// that have the telling label of the selector.
type Selections struct{ services, pods cache.SharedIndexInformer }

// NewSelections adds the indexes to the informers of services and pods, once however many ask for them.
func NewSelections(core coreinformers.Interface) (*Selections, error) {
	s := &Selections{core.Services().Informer(), core.Pods().Informer()}
	if err := AddIndex(s.services, bySelector, selectorIndex); err != nil {
		return nil, err
	}
	return s, AddIndex(s.pods, byLabel, labelIndex)
}

// labelOf is the value of both indexes for a label of a namespace. None of the three can have a line in it.
func labelOf(namespace, name, value string) string { return namespace + "\n" + name + "\n" + value }

func labelIndex(item any) ([]string, error) {
	pod, ok := item.(*v1.Pod)
	if !ok {
		return nil, fmt.Errorf("index pod by label: found %T", item)
	}
	values := make([]string, 0, len(pod.Labels))
	for name, value := range pod.Labels {
		values = append(values, labelOf(pod.Namespace, name, value))
	}
	return values, nil
}

func selectorIndex(item any) ([]string, error) {
	service, ok := item.(*v1.Service)
	if !ok {
		return nil, fmt.Errorf("index service by selector: found %T", item)
	}
	if len(service.Spec.Selector) == 0 {
		return nil, nil // selects nothing, not everything
	}
	return []string{tellingLabel(service)}, nil
}

// tellingLabel is the label of a service's selector with the longest value: what tells one service from another is mostly a
// name, and longer than what many have in common.
func tellingLabel(service *v1.Service) string {
	longest := ""
	for name, value := range service.Spec.Selector {
		if best := service.Spec.Selector[longest]; longest == "" || len(value) > len(best) || len(value) == len(best) && name < longest {
			longest = name
		}
	}
	return labelOf(service.Namespace, longest, service.Spec.Selector[longest])
}

// Services returns the keys of the services whose endpoints may differ by a change of a pod: those that select it as it was
// or as it is, if something changed that endpoints show.
func (s *Selections) Services(old, now *v1.Pod) []Key {
	if old != nil && now != nil && sameEndpoint(old, now) {
		return nil
	}
	var keys []Key
	for _, pod := range []*v1.Pod{old, now} {
		if pod == nil || pod == now && old != nil && maps.Equal(old.Labels, now.Labels) {
			continue
		}
		for name, value := range pod.Labels {
			services, err := ByIndex[v1.Service](s.services, bySelector, labelOf(pod.Namespace, name, value))
			if err != nil {
				return nil // the index was added in NewSelections
			}
			for _, service := range services {
				if selects(service.Spec.Selector, pod) {
					keys = append(keys, KeyOf(service.Namespace, service.Name))
				}
			}
		}
	}
	return keys
}

// Pods returns the pods that a service selects, none if it has no selector.
func (s *Selections) Pods(service *v1.Service) ([]*v1.Pod, error) {
	if len(service.Spec.Selector) == 0 {
		return nil, nil
	}
	all, err := ByIndex[v1.Pod](s.pods, byLabel, tellingLabel(service))
	if err != nil {
		return nil, fmt.Errorf("find pods of service %s/%s: %w", service.Namespace, service.Name, err)
	}
	return slices.DeleteFunc(all, func(pod *v1.Pod) bool { return !selects(service.Spec.Selector, pod) }), nil
}

// selects says whether a pod has all labels of a selector.
func selects(selector map[string]string, pod *v1.Pod) bool {
	for name, value := range selector {
		if has, found := pod.Labels[name]; !found || has != value {
			return false
		}
	}
	return true
}

// sameEndpoint says whether two states of a pod make the same endpoints.
func sameEndpoint(a, b *v1.Pod) bool {
	return pods.IsReady(a) == pods.IsReady(b) &&
		pods.IsTerminal(a) == pods.IsTerminal(b) &&
		(a.DeletionTimestamp == nil) == (b.DeletionTimestamp == nil) &&
		a.Spec.NodeName == b.Spec.NodeName &&
		a.Status.PodIP == b.Status.PodIP && slices.Equal(a.Status.PodIPs, b.Status.PodIPs) &&
		maps.Equal(a.Labels, b.Labels) &&
		a.Spec.Hostname == b.Spec.Hostname && a.Spec.Subdomain == b.Spec.Subdomain
}
