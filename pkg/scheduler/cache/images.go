package cache

import (
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/kube-scheduler/framework"
)

// images knows which nodes have which image. Nodes share one summary per image, so an image that one more node has
// pulled changes one number and no NodeInfo.
type images struct {
	byName map[string]*image
	// dirty are images whose summary must be brought up to date. Summaries are read by scheduling cycles, so that
	// happens only between cycles, when a snapshot is taken.
	dirty sets.Set[string]
}

type image struct {
	summary *framework.ImageStateSummary
	nodes   sets.Set[string]
}

func newImages() images {
	return images{byName: map[string]*image{}, dirty: sets.New[string]()}
}

// set replaces the images of a node and returns their summaries by name.
func (s *images) set(node *v1.Node, old map[string]*framework.ImageStateSummary) map[string]*framework.ImageStateSummary {
	states := make(map[string]*framework.ImageStateSummary, 2*len(node.Status.Images))
	for i := range node.Status.Images {
		for _, name := range node.Status.Images[i].Names {
			states[name] = s.add(name, node.Name, node.Status.Images[i].SizeBytes)
		}
	}
	for name := range old {
		if _, kept := states[name]; !kept {
			s.remove(name, node.Name)
		}
	}
	return states
}

// removeAll forgets a node.
func (s *images) removeAll(nodeName string, old map[string]*framework.ImageStateSummary) {
	for name := range old {
		s.remove(name, nodeName)
	}
}

func (s *images) add(name, nodeName string, size int64) *framework.ImageStateSummary {
	i, ok := s.byName[name]
	if !ok {
		i = &image{summary: &framework.ImageStateSummary{Size: size}, nodes: sets.New[string]()}
		s.byName[name] = i
	}
	if !i.nodes.Has(nodeName) {
		i.nodes.Insert(nodeName)
		s.dirty.Insert(name)
	}
	return i.summary
}

func (s *images) remove(name, nodeName string) {
	i, ok := s.byName[name]
	if !ok {
		return
	}
	i.nodes.Delete(nodeName)
	if i.nodes.Len() == 0 {
		delete(s.byName, name)
		s.dirty.Delete(name)
		return
	}
	s.dirty.Insert(name)
}

// flush brings the summaries up to date.
func (s *images) flush() {
	for name := range s.dirty {
		i := s.byName[name]
		i.summary.NumNodes = i.nodes.Len()
		delete(s.dirty, name)
	}
}
