package profile

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/kube-scheduler/framework"
)

// CycleState is what plugins remember during one pod's cycle. Data may be read concurrently: the list of entries is
// replaced, not written, and it is short.
type CycleState struct {
	mu      sync.Mutex // serializes writers
	entries atomic.Pointer[[]stateEntry]

	// The sets below are written by the framework between extension points only.

	skipFilter      sets.Set[string]
	skipScore       sets.Set[string]
	skipPreBind     sets.Set[string]
	parallelPreBind sets.Set[string]
	// filters are the Filter plugins without skipFilter; nil before PreFilter.
	filters []framework.FilterPlugin
}

type stateEntry struct {
	key  framework.StateKey
	data framework.StateData
}

var _ framework.CycleState = &CycleState{}

// NewCycleState is an empty state.
func NewCycleState() *CycleState { return &CycleState{} }

// Read returns a plugin's data, or framework.ErrNotFound.
func (s *CycleState) Read(key framework.StateKey) (framework.StateData, error) {
	if entries := s.entries.Load(); entries != nil {
		for i := range *entries {
			if (*entries)[i].key == key {
				return (*entries)[i].data, nil
			}
		}
	}
	return nil, fmt.Errorf("read cycle state %q: %w", key, framework.ErrNotFound)
}

// Write stores a plugin's data.
func (s *CycleState) Write(key framework.StateKey, data framework.StateData) {
	s.change(key, func(entries []stateEntry) []stateEntry {
		return append(entries, stateEntry{key: key, data: data})
	})
}

// Delete removes a plugin's data.
func (s *CycleState) Delete(key framework.StateKey) {
	s.change(key, func(entries []stateEntry) []stateEntry { return entries })
}

// change replaces the entries by what f makes of those with other keys.
func (s *CycleState) change(key framework.StateKey, f func([]stateEntry) []stateEntry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var others []stateEntry
	if old := s.entries.Load(); old != nil {
		others = make([]stateEntry, 0, len(*old)+1)
		for _, e := range *old {
			if e.key != key {
				others = append(others, e)
			}
		}
	}
	changed := f(others)
	s.entries.Store(&changed)
}

// Clone is a copy in which plugins may change their data, as they do to ask "what if".
func (s *CycleState) Clone() framework.CycleState {
	if s == nil {
		return nil
	}
	c := &CycleState{
		skipFilter: s.skipFilter, skipScore: s.skipScore, skipPreBind: s.skipPreBind,
		parallelPreBind: s.parallelPreBind, filters: s.filters,
	}
	if old := s.entries.Load(); old != nil {
		entries := slices.Clone(*old)
		for i := range entries {
			entries[i].data = entries[i].data.Clone()
		}
		c.entries.Store(&entries)
	}
	return c
}

// GetSkipFilterPlugins are the plugins whose Filter has nothing to do for the pod.
func (s *CycleState) GetSkipFilterPlugins() sets.Set[string] { return s.skipFilter }

// SetSkipFilterPlugins sets the plugins whose Filter has nothing to do for the pod.
func (s *CycleState) SetSkipFilterPlugins(plugins sets.Set[string]) {
	s.skipFilter, s.filters = plugins, nil
}

// GetSkipScorePlugins are the plugins whose Score has nothing to do for the pod.
func (s *CycleState) GetSkipScorePlugins() sets.Set[string] { return s.skipScore }

// SetSkipScorePlugins sets the plugins whose Score has nothing to do for the pod.
func (s *CycleState) SetSkipScorePlugins(plugins sets.Set[string]) { s.skipScore = plugins }

// GetSkipPreBindPlugins are the plugins whose PreBind has nothing to do for the pod.
func (s *CycleState) GetSkipPreBindPlugins() sets.Set[string] { return s.skipPreBind }

// SetSkipPreBindPlugins sets the plugins whose PreBind has nothing to do for the pod.
func (s *CycleState) SetSkipPreBindPlugins(plugins sets.Set[string]) { s.skipPreBind = plugins }

// GetParallelPreBindPlugins are the plugins whose PreBind may run beside others.
func (s *CycleState) GetParallelPreBindPlugins() sets.Set[string] { return s.parallelPreBind }

// SetParallelPreBindPlugins sets the plugins whose PreBind may run beside others.
func (s *CycleState) SetParallelPreBindPlugins(plugins sets.Set[string]) { s.parallelPreBind = plugins }

// ShouldRecordPluginMetrics is false: time is not measured per plugin.
func (s *CycleState) ShouldRecordPluginMetrics() bool { return false }

// ShouldSkipAllPostFilterPlugins is false: only pod groups skip PostFilter.
func (s *CycleState) ShouldSkipAllPostFilterPlugins() bool { return false }

// IsPodGroupSchedulingCycle is false: pods are scheduled one by one.
func (s *CycleState) IsPodGroupSchedulingCycle() bool { return false }

// GetPodGroupSchedulingCycle is nil: pods are scheduled one by one.
func (s *CycleState) GetPodGroupSchedulingCycle() framework.PodGroupCycleState { return nil }

// SetPodGroupSchedulingCycle has no effect on a pod that is scheduled alone.
func (s *CycleState) SetPodGroupSchedulingCycle(framework.PodGroupCycleState) {}
