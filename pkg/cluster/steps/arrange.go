package steps

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// arrange checks the list and ties the steps to each other.
func arrange(ctx context.Context, list []Step, hooks Hooks, fail func(error)) ([]*running, error) {
	if err := Check(list); err != nil {
		return nil, err
	}
	report := hooks.Event
	if report == nil {
		report = func(Event) {}
	}
	began := time.Now()
	byName := make(map[string]*running, len(list))
	all := make([]*running, 0, len(list))
	for _, step := range list {
		r := &running{
			step: step, report: report, fail: fail, runBegan: began,
			startDone: make(chan struct{}), started: make(chan struct{}), stopped: make(chan struct{}),
		}
		// Not ended by ctx itself: that would stop all steps at once and not in their order.
		own := context.WithoutCancel(ctx)
		if hooks.Context != nil {
			own = hooks.Context(own, step.Name)
		}
		r.ctx, r.cancel = context.WithCancel(own)
		byName[step.Name] = r
		all = append(all, r)
	}
	for _, r := range all {
		for _, name := range r.step.After {
			need := byName[name]
			r.needs = append(r.needs, need)
			need.neededBy = append(need.neededBy, r)
		}
	}
	return all, nil
}

// Check says what is wrong with a list: a name used twice, a need that is not in the list, steps that wait for each other.
func Check(list []Step) error {
	var faults []error
	byName := map[string]Step{}
	for _, step := range list {
		if _, twice := byName[step.Name]; twice {
			faults = append(faults, fmt.Errorf("step %q is there twice", step.Name))
		}
		byName[step.Name] = step
	}
	for _, step := range list {
		for _, name := range step.After {
			if _, known := byName[name]; !known {
				faults = append(faults, fmt.Errorf("step %q comes after %q, which is not there", step.Name, name))
			}
		}
	}
	if len(faults) == 0 {
		for _, step := range list {
			if circle := findCircle(byName, step.Name, nil); circle != nil {
				return fmt.Errorf("steps wait for each other: %s", strings.Join(circle, " after "))
			}
		}
	}
	return errors.Join(faults...)
}

// findCircle gives a path of names from the step back to itself, or nil.
func findCircle(byName map[string]Step, name string, path []string) []string {
	for i, seen := range path {
		if seen == name {
			return append(path[i:], name)
		}
	}
	for _, need := range byName[name].After {
		if circle := findCircle(byName, need, append(path, name)); circle != nil {
			return circle
		}
	}
	return nil
}
