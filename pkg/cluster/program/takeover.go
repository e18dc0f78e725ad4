package program

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/klog/v2"

	"github.com/proa-sh/proa/pkg/cluster/process"
)

// identityVariable is the environment variable that tells what was started.
const identityVariable = "PROA_PROGRAM"

// answerWithin is how long a program that was left behind may take to say that it serves.
const answerWithin = 5 * time.Second

// errGone is how a program that was taken over ends. Its exit status is for whoever has become its parent.
var errGone = errors.New("it is gone")

// identityEnv is the environment entry that tells what is started: two programs with the same one do the same. The size and time of
// the program's file stand for what is in it.
func (p *Program) identityEnv() string {
	file := ""
	if info, err := os.Stat(p.cfg.Path); err == nil { // else it will not start
		file = fmt.Sprint(info.Size(), info.ModTime().UnixNano())
	}
	text, _ := json.Marshal([]any{p.cfg.Path, file, p.cfg.Args, p.cfg.Env, p.cfg.Identity}) // strings only
	return fmt.Sprintf("%s=%x", identityVariable, sha256.Sum256(text))
}

// takeOver gives the program that an earlier process of ours has left behind, if it is the same and serves, and ends any other of its
// name. What they have started carries the mark too, and stays.
func (p *Program) takeOver(ctx context.Context) (*process.Process, error) {
	marked, err := process.Marked(p.cfg.Mark)
	if err != nil {
		return nil, fmt.Errorf("look for a former %s: %w", p.name(), err)
	}
	former := slices.DeleteFunc(marked, func(m process.Process) bool { return !m.Runs(p.cfg.Path) })
	if len(former) == 1 && p.cfg.Answers != nil && p.same(former[0]) {
		asking, cancel := context.WithTimeout(ctx, answerWithin)
		defer cancel()
		err := p.cfg.Answers(asking)
		if err == nil {
			klog.FromContext(ctx).Info("Took over a program that runs", "program", p.name(), "pid", former[0].Pid)
			return &former[0], nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		klog.FromContext(ctx).Error(err, "A program that was left behind does not serve and is started anew", "program", p.name())
	}
	if err := process.Stop(ctx, p.cfg.StopGrace, former...); err != nil {
		return nil, fmt.Errorf("stop the former %s: %w", p.name(), err)
	}
	return nil, nil
}

// same says whether a process was started as this program would be now. One that cannot be looked at is not.
func (p *Program) same(former process.Process) bool {
	environ, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(former.Pid), "environ"))
	return err == nil && slices.Contains(strings.Split(string(environ), "\x00"), p.identityEnv())
}

func (p *Program) goesOn() bool { return p.cfg.GoesOn != nil && p.cfg.GoesOn() }

// attend looks after a program that was taken over until it has ended, which is an error unless ctx has.
func (p *Program) attend(ctx context.Context, former process.Process, served func()) error {
	p.setState(former.Pid, nil)
	served()
	waiting, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- process.Wait(waiting, former) }()
	defer cancel()
	check := time.NewTicker(checkLog)
	defer check.Stop()
	for {
		select {
		case <-check.C:
			p.shortenLog(ctx)
		case err := <-ended:
			if ctx.Err() != nil {
				return p.leave(ctx, former)
			}
			if err == nil {
				err = errGone
			}
			return p.explain(fmt.Errorf("%s ended: %w", p.name(), err))
		case <-ctx.Done():
			<-ended
			return p.leave(ctx, former)
		}
	}
}

// leave ends a program that was taken over, unless it is to go on.
func (p *Program) leave(ctx context.Context, former process.Process) error {
	if p.goesOn() {
		return nil
	}
	if err := process.Stop(context.WithoutCancel(ctx), p.cfg.StopGrace, former); err != nil {
		return fmt.Errorf("stop %s: %w", p.name(), err)
	}
	return nil
}
