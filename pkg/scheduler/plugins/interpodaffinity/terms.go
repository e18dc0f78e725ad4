package interpodaffinity

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/kube-scheduler/framework"

	"github.com/proa-sh/proa/pkg/scheduler/cache"
)

// question is what is the same for all pods of a class: who they are to others, and what they ask of others.
type question struct {
	// pod is one of them.
	pod             *v1.Pod
	namespaceLabels labels.Set

	affinity, antiAffinity                   []framework.AffinityTerm
	preferredAffinity, preferredAntiAffinity []framework.WeightedAffinityTerm
}

// ask parses a pod's terms and resolves their namespace selectors.
func (p *Plugin) ask(pod *v1.Pod) (*question, error) {
	info, err := cache.NewPodInfo(pod)
	if err != nil {
		return nil, err
	}
	q := &question{
		pod:                   pod,
		affinity:              slices.Clone(info.GetRequiredAffinityTerms()),
		antiAffinity:          slices.Clone(info.GetRequiredAntiAffinityTerms()),
		preferredAffinity:     slices.Clone(info.GetPreferredAffinityTerms()),
		preferredAntiAffinity: slices.Clone(info.GetPreferredAntiAffinityTerms()),
	}
	if q.namespaceLabels, err = p.namespaceLabels(pod.Namespace); err != nil {
		return nil, err
	}
	for _, terms := range [][]framework.AffinityTerm{q.affinity, q.antiAffinity} {
		for i := range terms {
			if err := p.resolve(&terms[i]); err != nil {
				return nil, err
			}
		}
	}
	for _, terms := range [][]framework.WeightedAffinityTerm{q.preferredAffinity, q.preferredAntiAffinity} {
		for i := range terms {
			if err := p.resolve(&terms[i].AffinityTerm); err != nil {
				return nil, err
			}
		}
	}
	return q, nil
}

// matchesAll tells whether a pod is one that all of the terms mean.
func matchesAll(terms []framework.AffinityTerm, pod *v1.Pod) bool {
	for i := range terms {
		if !terms[i].Matches(pod, nil) {
			return false
		}
	}
	return len(terms) > 0
}

// classKey is equal for pods that ask the same, and are the same to all whose terms mean pods by the labels asked for.
func classKey(pod *v1.Pod, asked sets.Set[string]) (string, error) {
	var b strings.Builder
	b.WriteString(pod.Namespace)
	for _, key := range slices.Sorted(maps.Keys(pod.Labels)) {
		if !asked.Has(key) {
			continue
		}
		b.WriteByte(0)
		b.WriteString(key)
		b.WriteByte(0)
		b.WriteString(pod.Labels[key])
	}
	if a := pod.Spec.Affinity; a != nil && (a.PodAffinity != nil || a.PodAntiAffinity != nil) {
		// The encoding sorts the keys of maps.
		encoded, err := (&v1.Affinity{PodAffinity: a.PodAffinity, PodAntiAffinity: a.PodAntiAffinity}).Marshal()
		if err != nil {
			return "", fmt.Errorf("encode affinity: %w", err)
		}
		b.WriteByte(1)
		b.Write(encoded)
	}
	return b.String(), nil
}
