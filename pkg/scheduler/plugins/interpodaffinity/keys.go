package interpodaffinity

import (
	"fmt"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/kube-scheduler/framework"

	"github.com/proa-sh/proa/pkg/scheduler/domains"
)

// maxAskedKeys bounds how many keys are remembered that nobody may ask for any more.
const maxAskedKeys = 1000

// askedKeys are the labels by which the terms of pods on nodes mean other pods. Labels that no term names, such as the name
// or the index that each pod of a StatefulSet or an indexed Job has to itself, do not tell classes of pods apart.
type askedKeys struct {
	keys   sets.Set[string]
	cursor domains.Cursor
	// changed says that keys came or went since the classes were made.
	changed bool
}

var _ domains.Tracker = &askedKeys{}

// Reset forgets all keys.
func (k *askedKeys) Reset() { k.keys, k.changed = sets.New[string](), true }

// CountNode notes the keys of a node's pods. Those of pods that go are kept: they do no harm.
func (k *askedKeys) CountNode(node framework.NodeInfo, sign int64) {
	if sign > 0 {
		k.CountPods(node, node.GetPodsWithAffinity())
	}
}

// CountPods notes the keys of pods that came to a node.
func (k *askedKeys) CountPods(_ framework.NodeInfo, added []framework.PodInfo) {
	for _, pod := range added {
		for _, terms := range [][]framework.AffinityTerm{pod.GetRequiredAffinityTerms(), pod.GetRequiredAntiAffinityTerms()} {
			for i := range terms {
				k.note(terms[i].Selector)
			}
		}
		for _, terms := range [][]framework.WeightedAffinityTerm{pod.GetPreferredAffinityTerms(), pod.GetPreferredAntiAffinityTerms()} {
			for i := range terms {
				k.note(terms[i].Selector)
			}
		}
	}
}

func (k *askedKeys) note(selector labels.Selector) {
	requirements, _ := selector.Requirements()
	for _, r := range requirements {
		if !k.keys.Has(r.Key()) {
			k.keys.Insert(r.Key())
			k.changed = true
		}
	}
}

// updateKeys brings the keys up to date, and drops kept counts when they have changed: pods that were of one class may not
// be any more.
func (p *Plugin) updateKeys(lister framework.SharedLister) error {
	if p.asked.keys.Len() > maxAskedKeys {
		p.asked.cursor.Invalidate()
	}
	if err := p.asked.cursor.Sync(lister, &p.asked); err != nil {
		return fmt.Errorf("find labels that pods ask for: %w", err)
	}
	if p.asked.changed {
		p.asked.changed = false
		p.filterClasses.Clear()
		p.scoreClasses.Clear()
	}
	return nil
}
