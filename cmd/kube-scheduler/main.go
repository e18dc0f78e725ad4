// Command kube-scheduler is the scheduler.
package main

import (
	"github.com/proa-sh/proa/pkg/component"
	"github.com/proa-sh/proa/pkg/scheduler/options"
)

func main() {
	component.Main("kube-scheduler", "The scheduler gives pods nodes.", options.NewOptions())
}
