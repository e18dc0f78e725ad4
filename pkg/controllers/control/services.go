package control

import (
	"maps"
	"slices"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	corelisters "k8s.io/client-go/listers/core/v1"

	"github.com/proa-sh/proa/pkg/pods"
)

// ServicesOf returns the keys of the services whose endpoints may differ by a change of a pod: those that select it as
// it was or as it is, if something changed that endpoints show.
func ServicesOf(services corelisters.ServiceLister, old, now *v1.Pod) []Key {
	if old != nil && now != nil && sameEndpoint(old, now) {
		return nil
	}
	pod := Latest(old, now)
	all, err := services.Services(pod.Namespace).List(labels.Everything())
	if err != nil {
		return nil // a lister over a cache does not fail
	}
	var keys []Key
	for _, service := range all {
		if service.Spec.Selector == nil {
			continue // selects nothing, not everything
		}
		selector := labels.SelectorFromValidatedSet(service.Spec.Selector)
		if selector.Matches(labels.Set(pod.Labels)) || (old != nil && selector.Matches(labels.Set(old.Labels))) {
			keys = append(keys, KeyOf(service.Namespace, service.Name))
		}
	}
	return keys
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
