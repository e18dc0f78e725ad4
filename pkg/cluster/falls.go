package cluster

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
	"k8s.io/klog/v2"

	"github.com/proa-sh/proa/pkg/cluster/crash"
	"github.com/proa-sh/proa/pkg/cluster/keeper"
	"github.com/proa-sh/proa/pkg/cluster/node"
	"github.com/proa-sh/proa/pkg/cluster/steps"
	"github.com/proa-sh/proa/pkg/controllermanager"
)

// crashParts are the steps by the packages of their code: so is known which one a stack belongs to. Of the controllers it is known
// which one.
func crashParts() crash.Parts {
	const ours = "github.com/proa-sh/proa/pkg/"
	return crash.Parts{Label: controllermanager.Label, Labelled: StepControllers, Packages: map[string]string{
		ours + "apiserver": StepAPIServer, ours + "api": StepAPIServer,
		ours + "controllers": StepControllers, ours + "controllermanager": StepControllers,
		ours + "scheduler": StepScheduler, ours + "kubelet": node.StepKubelet, ours + "proxy": node.StepProxy,
		ours + "network": node.StepNetwork, ours + "network/dns": StepDNS,
	}}
}

// dispensable are the steps without which the API can still be used, to delete the object that one of them cannot bear.
func dispensable() []string {
	return []string{StepControllers, StepScheduler, node.StepKubelet, node.StepProxy, node.StepNetwork, StepDNS}
}

// isDispensable says whether a part is one of those steps, or a single controller.
func isDispensable(part string) bool {
	return slices.Contains(dispensable(), part) || strings.HasPrefix(part, StepControllers+"/")
}

// selection is which controllers run.
func (e *Environment) selection() []string {
	chosen := []string{"*"}
	for _, part := range slices.Sorted(maps.Keys(e.leftOut)) {
		if name, single := strings.CutPrefix(part, StepControllers+"/"); single {
			chosen = append(chosen, "-"+name)
		}
	}
	return chosen
}

// endError is how a life ended, with the exit status that tells it to the keeper.
type endError struct {
	status int
	error
}

// Unwrap gives what went wrong.
func (e endError) Unwrap() error { return e.error }

// ExitStatus is that of a process whose Serve returned the error.
func ExitStatus(err error) int {
	var end endError
	switch {
	case err == nil:
		return keeper.Done
	case errors.As(err, &end):
		return end.status
	}
	return keeper.Failed
}

// asked makes the error of a life that was to end.
func asked(faults ...error) error {
	if err := errors.Join(faults...); err != nil {
		return endError{keeper.DoneBadly, err}
	}
	return nil
}

// tryAgain says whether it was not the start that failed but a part that the API can do without, for which there may be reasons
// in the API's objects: a life in which nobody ever could use the API would be of no help.
func tryAgain(err error) bool {
	var step *steps.Error
	return errors.As(err, &step) && step.Doing == "run" && slices.Contains(dispensable(), step.Step)
}

// fell writes down which part could not go on. A part that has no space on the disk is as good as before when there is some again,
// without anybody who tries it again: it counts as the fault of none.
func fell(err error, book *crash.Book) error {
	part := ""
	var step *steps.Error
	var controller *controllermanager.Failure
	switch {
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
	case errors.As(err, &controller):
		part = StepControllers + "/" + controller.Controller
	case errors.As(err, &step):
		part = step.Step
	}
	return endError{keeper.Fell, errors.Join(err, book.Note(part, err.Error(), time.Now()))}
}

// lookBack takes up how the last lives ended, and tells of it. That it could not be found out is no reason not to start.
func (e *Environment) lookBack(ctx context.Context, book *crash.Book) {
	how, ranText := os.Getenv(keeper.LastEnd), os.Getenv(keeper.Ran)
	ran, _ := time.ParseDuration(ranText) // not known if nobody keeps us
	row, err := book.Collect(how, ran, time.Now())
	for _, name := range []string{keeper.LastEnd, keeper.Ran} {
		err = errors.Join(err, os.Unsetenv(name)) // nothing for those whom we start
	}
	if err = errors.Join(err, book.Watch()); err != nil {
		e.Timeline.Note("Warning: " + err.Error())
	}
	e.falls = row
	if len(row) == 0 {
		return
	}
	last := row[len(row)-1]
	e.Timeline.Note("Warning: " + last.String())
	klog.FromContext(ctx).Error(errors.New(last.Message), "The life before this one fell", "part", last.Part, "how", last.How, "ran", last.Ran, "stack", last.Stack)
	for part, record := range crash.LeftOut(row) {
		if isDispensable(part) {
			e.addLeftOut(part, record)
		}
	}
}

func (e *Environment) addLeftOut(part string, last crash.Record) {
	if e.leftOut == nil {
		e.leftOut = map[string]error{}
	}
	e.leftOut[part] = fmt.Errorf("left out, because it has brought the server down again and again (%s); "+
		"delete the object that it cannot bear, and then run `proa up` to try again", last.Message)
	e.Timeline.Note(fmt.Sprintf("Warning: %s is %v", part, e.leftOut[part]))
	if strings.HasPrefix(part, StepControllers+"/") { // which is no step
		e.Check(part, func(context.Context) error { return e.leftOut[part] })
	}
}

// without gives the steps, of which those that are left out, and those that need one of them, do nothing but say so.
func (e *Environment) without(list []steps.Step) []steps.Step {
	kept := slices.Clone(list)
	for changed := true; changed; {
		changed = false
		for i, step := range kept {
			if why := e.whyNot(step); why != nil && step.Start != nil {
				kept[i] = steps.Step{Name: step.Name, After: step.After}
				changed = true
			}
		}
	}
	for i, step := range kept {
		if step.Start != nil {
			continue
		}
		kept[i].Start = func(context.Context, *steps.Task) error {
			e.Check(step.Name, func(context.Context) error { return e.leftOut[step.Name] })
			return nil
		}
	}
	return kept
}

// whyNot says why a step is left out; what needs such a step is too.
func (e *Environment) whyNot(step steps.Step) error {
	if e.leftOut[step.Name] != nil {
		return e.leftOut[step.Name]
	}
	for _, need := range step.After {
		if e.leftOut[need] != nil {
			e.leftOut[step.Name] = fmt.Errorf("left out, because it needs %s", need)
			return e.leftOut[step.Name]
		}
	}
	return nil
}
