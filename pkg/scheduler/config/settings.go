package config

import (
	"slices"

	configv1 "k8s.io/kube-scheduler/config/v1"
)

// Setting is a plugin that a profile runs at some extension point. The weight counts for scoring; 0 means that none is
// given.
type Setting struct {
	Name   string
	Weight int32
}

// Point is an extension point.
type Point string

// The extension points, by the names they have in a configuration.
const (
	PreEnqueue Point = "preEnqueue"
	QueueSort  Point = "queueSort"
	PreFilter  Point = "preFilter"
	Filter     Point = "filter"
	PostFilter Point = "postFilter"
	PreScore   Point = "preScore"
	Score      Point = "score"
	Reserve    Point = "reserve"
	Permit     Point = "permit"
	PreBind    Point = "preBind"
	Bind       Point = "bind"
	PostBind   Point = "postBind"
)

// Points are all extension points, in the order in which a pod meets them.
func Points() []Point {
	return []Point{PreEnqueue, QueueSort, PreFilter, Filter, PostFilter, PreScore, Score, Reserve, Permit, PreBind, Bind, PostBind}
}

// Settings are the plugins of a profile: those enabled everywhere they can be (MultiPoint) and those per point.
type Settings struct {
	multi []Setting
	sets  map[Point]configv1.PluginSet
}

// NewSettings merges a profile's plugin sets with the default plugins.
func NewSettings(defaults []Setting, plugins *configv1.Plugins) Settings {
	if plugins == nil {
		plugins = &configv1.Plugins{}
	}
	return Settings{
		multi: mergeMultiPoint(defaults, plugins.MultiPoint),
		sets: map[Point]configv1.PluginSet{
			PreEnqueue: plugins.PreEnqueue, QueueSort: plugins.QueueSort, PreFilter: plugins.PreFilter,
			Filter: plugins.Filter, PostFilter: plugins.PostFilter, PreScore: plugins.PreScore, Score: plugins.Score,
			Reserve: plugins.Reserve, Permit: plugins.Permit, PreBind: plugins.PreBind, Bind: plugins.Bind,
			PostBind: plugins.PostBind,
		},
	}
}

// mergeMultiPoint applies the MultiPoint set to the defaults. A default plugin that is enabled explicitly keeps its
// place and takes the given weight; others come after the defaults.
func mergeMultiPoint(defaults []Setting, set configv1.PluginSet) []Setting {
	var merged []Setting
	given := settingsOf(set.Enabled)
	for _, d := range defaults {
		if i := indexOf(given, d.Name); i >= 0 {
			if given[i].Weight == 0 {
				given[i].Weight = d.Weight
			}
			merged = append(merged, given[i])
			given = slices.Delete(given, i, i+1)
			continue
		}
		if !disabled(set, d.Name) {
			merged = append(merged, d)
		}
	}
	return append(merged, given...)
}

// Names are all plugins that any point may need, each once.
func (s Settings) Names() []string {
	var names []string
	add := func(name string) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, m := range s.multi {
		add(m.Name)
	}
	for _, point := range Points() {
		for _, p := range s.sets[point].Enabled {
			add(p.Name)
		}
	}
	return names
}

// At are the plugins to run at a point, in order: those of MultiPoint that the point's own set names again, in that
// set's order; then the rest of MultiPoint; then the rest of the point's set. implements tells whether a plugin has
// the point at all; a plugin that the point's set names must.
func (s Settings) At(point Point, implements func(plugin string) bool) []Setting {
	set := s.sets[point]
	given := settingsOf(set.Enabled)
	var first, middle, last []Setting
	for _, g := range given {
		if i := indexOf(s.multi, g.Name); i >= 0 {
			if g.Weight == 0 {
				g.Weight = s.multi[i].Weight
			}
			first = append(first, g)
		} else {
			last = append(last, g)
		}
	}
	for _, m := range s.multi {
		if implements(m.Name) && !disabled(set, m.Name) && indexOf(given, m.Name) < 0 {
			middle = append(middle, m)
		}
	}
	return slices.Concat(first, middle, last)
}

func settingsOf(plugins []configv1.Plugin) []Setting {
	settings := make([]Setting, 0, len(plugins))
	for _, p := range plugins {
		s := Setting{Name: p.Name}
		if p.Weight != nil {
			s.Weight = *p.Weight
		}
		settings = append(settings, s)
	}
	return settings
}

func indexOf(settings []Setting, name string) int {
	return slices.IndexFunc(settings, func(s Setting) bool { return s.Name == name })
}

func disabled(set configv1.PluginSet, name string) bool {
	return slices.ContainsFunc(set.Disabled, func(p configv1.Plugin) bool { return p.Name == "*" || p.Name == name })
}
