package runtime

import (
	"context"
	"errors"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	v1 "k8s.io/api/core/v1"
	criapi "k8s.io/cri-api/pkg/apis"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/proa-sh/proa/pkg/kubelet/podstate"
)

// starter is a runtime with one instance, whose start fails.
type starter struct {
	criapi.RuntimeService
	err    error
	status *runtimeapi.ContainerStatus
}

func (s *starter) StartContainer(context.Context, string) error { return s.err }

func (s *starter) ListPodSandbox(context.Context, *runtimeapi.PodSandboxFilter) ([]*runtimeapi.PodSandbox, error) {
	return nil, nil
}

func (s *starter) ListContainers(context.Context, *runtimeapi.ContainerFilter) ([]*runtimeapi.Container, error) {
	return []*runtimeapi.Container{{Id: s.status.Id, Labels: map[string]string{labelContainer: "c"}}}, nil
}

func (s *starter) ContainerStatus(context.Context, string, bool) (*runtimeapi.ContainerStatusResponse, error) {
	return &runtimeapi.ContainerStatusResponse{Status: s.status}, nil
}

// TestBrokenStart: an instance whose start the kubelet has broken off itself, in this life or the one before, has not failed.
func TestBrokenStart(t *testing.T) {
	failed := func(reason string, startedAt int64) *runtimeapi.ContainerStatus {
		return &runtimeapi.ContainerStatus{Id: "1", State: runtimeapi.ContainerState_CONTAINER_EXITED, ExitCode: 128, Reason: reason, StartedAt: startedAt, FinishedAt: 9}
	}
	for name, test := range map[string]struct {
		answer error // of the start in this life; nil: there was none
		status *runtimeapi.ContainerStatus
		want   podstate.Phase
	}{
		"no such program":                {status.Error(codes.Unknown, "exec: no such file"), failed(reasonStart, 0), podstate.Exited},
		"the kubelet ends":               {status.Error(codes.Canceled, "context canceled"), failed(reasonStart, 0), podstate.Created},
		"the runtime ends":               {status.Error(codes.Unavailable, "EOF"), failed(reasonStart, 0), podstate.Created},
		"no answer in time":              {status.Error(codes.DeadlineExceeded, "too late"), failed(reasonStart, 0), podstate.Created},
		"the context of the call itself": {context.Canceled, failed(reasonStart, 0), podstate.Created},
		"started by an earlier kubelet":  {nil, failed(reasonStart, 0), podstate.Created},
		"it ran":                         {nil, failed("Error", 5), podstate.Exited},
		"it ran and then its start fell": {nil, failed(reasonStart, 5), podstate.Exited},
		"another fault":                  {errors.New("not of the runtime"), failed(reasonStart, 0), podstate.Exited},
	} {
		t.Run(name, func(t *testing.T) {
			s := &starter{err: test.answer, status: test.status}
			r := New(Config{CRI: s})
			if test.answer != nil {
				if err := r.StartContainer(t.Context(), &v1.Pod{}, "c", 0, "1"); !errors.Is(err, test.answer) {
					t.Fatalf("start: %v", err)
				}
			}
			o, err := r.Inspect(t.Context(), "u", nil)
			if err != nil || len(o.Containers) != 1 {
				t.Fatalf("%+v, %v", o, err)
			}
			if got := o.Containers[0].Phase; got != test.want {
				t.Errorf("phase %q, want %q", got, test.want)
			}
			// What was seen before the answer is looked at again after it.
			again, err := r.Inspect(t.Context(), "u", &o)
			if err != nil || again.Containers[0].Phase != test.want {
				t.Errorf("again: %+v, %v", again, err)
			}
		})
	}
}
