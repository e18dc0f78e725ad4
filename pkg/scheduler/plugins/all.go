package plugins

import (
	"github.com/proa-sh/proa/pkg/scheduler/config"
	"github.com/proa-sh/proa/pkg/scheduler/plugins/defaultbinder"
	"github.com/proa-sh/proa/pkg/scheduler/plugins/defaultpreemption"
	"github.com/proa-sh/proa/pkg/scheduler/plugins/dynamicresources"
	"github.com/proa-sh/proa/pkg/scheduler/plugins/imagelocality"
	"github.com/proa-sh/proa/pkg/scheduler/plugins/interpodaffinity"
	"github.com/proa-sh/proa/pkg/scheduler/plugins/nodeaffinity"
	"github.com/proa-sh/proa/pkg/scheduler/plugins/nodename"
	"github.com/proa-sh/proa/pkg/scheduler/plugins/nodeports"
	"github.com/proa-sh/proa/pkg/scheduler/plugins/noderesourcesbalancedallocation"
	"github.com/proa-sh/proa/pkg/scheduler/plugins/noderesourcesfit"
	"github.com/proa-sh/proa/pkg/scheduler/plugins/nodeunschedulable"
	"github.com/proa-sh/proa/pkg/scheduler/plugins/podtopologyspread"
	"github.com/proa-sh/proa/pkg/scheduler/plugins/prioritysort"
	"github.com/proa-sh/proa/pkg/scheduler/plugins/schedulinggates"
	"github.com/proa-sh/proa/pkg/scheduler/plugins/tainttoleration"
	"github.com/proa-sh/proa/pkg/scheduler/plugins/volumebinding"
	"github.com/proa-sh/proa/pkg/scheduler/profile"
)

// Factories make the plugins, by name.
func Factories() map[string]profile.Factory {
	return map[string]profile.Factory{
		defaultbinder.Name:                   defaultbinder.New,
		defaultpreemption.Name:               defaultpreemption.New,
		dynamicresources.Name:                dynamicresources.New,
		imagelocality.Name:                   imagelocality.New,
		interpodaffinity.Name:                interpodaffinity.New,
		nodeaffinity.Name:                    nodeaffinity.New,
		nodename.Name:                        nodename.New,
		nodeports.Name:                       nodeports.New,
		noderesourcesbalancedallocation.Name: noderesourcesbalancedallocation.New,
		noderesourcesfit.Name:                noderesourcesfit.New,
		nodeunschedulable.Name:               nodeunschedulable.New,
		podtopologyspread.Name:               podtopologyspread.New,
		prioritysort.Name:                    prioritysort.New,
		schedulinggates.Name:                 schedulinggates.New,
		tainttoleration.Name:                 tainttoleration.New,
		volumebinding.Name:                   volumebinding.New,
	}
}

// Defaults are the plugins of a profile about which nothing is said, in the order in which they are called: cheap
// filters that turn many nodes down come first.
func Defaults() []config.Setting {
	return []config.Setting{
		{Name: schedulinggates.Name},
		{Name: prioritysort.Name},
		{Name: nodeunschedulable.Name},
		{Name: nodename.Name},
		{Name: tainttoleration.Name, Weight: 3},
		{Name: nodeaffinity.Name, Weight: 2},
		{Name: nodeports.Name},
		{Name: noderesourcesfit.Name, Weight: 1},
		{Name: volumebinding.Name},
		{Name: podtopologyspread.Name, Weight: 2},
		{Name: interpodaffinity.Name, Weight: 2},
		{Name: dynamicresources.Name},
		{Name: defaultpreemption.Name},
		{Name: noderesourcesbalancedallocation.Name, Weight: 1},
		{Name: imagelocality.Name, Weight: 1},
		{Name: defaultbinder.Name},
	}
}
