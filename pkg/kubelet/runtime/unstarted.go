package runtime

import (
	"context"
	"errors"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/proa-sh/proa/pkg/kubelet/podstate"
)

// reasonStart is the reason of an instance that the runtime could not start (containerd, internal/cri/server/helpers.go).
const reasonStart = "StartError"

// maxFailedStarts bounds how many failed starts are remembered: more than there are instances on a node at a time.
const maxFailedStarts = 4096

// startFailed takes note that the runtime has answered that it cannot start an instance. An error that only says that nobody waited
// for the answer, or that none came, is none: a kubelet that ends takes the start along that it has asked for.
func (r *Runtime) startFailed(id string, err error) {
	switch status.Code(err) {
	case codes.Canceled, codes.DeadlineExceeded, codes.Unavailable:
		return
	}
	if !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		r.failedStarts.Add(id, nil)
	}
}

// unstarted says whether an instance never ran, and nobody was told why: its start was broken off with the kubelet that had asked
// for it, or with the runtime. It is as one that was made and not started; the pod's containers have not failed by it.
func (r *Runtime) unstarted(c podstate.Container) bool {
	if c.Phase != podstate.Exited || c.Reason != reasonStart || !c.StartedAt.IsZero() {
		return false
	}
	_, told := r.failedStarts.Get(c.ID)
	return !told
}
