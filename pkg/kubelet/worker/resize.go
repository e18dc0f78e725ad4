package worker

import (
	v1 "k8s.io/api/core/v1"

	"github.com/proa-sh/proa/pkg/kubelet/podstate"
)

// Limits are the limits of a container that can change while it runs.
type Limits struct {
	CPUShares, CPUQuota, Memory int64
}

// resizeState is how far a change of the pod's resources has come.
type resizeState struct{}

func (r *resizeState) fault(string, error) {}
func (r *resizeState) cgroupDone()         {}

func (p *step) allocate()                                                           {}
func (p *step) resizeContainers()                                                   {}
func (p *step) needsRestartToResize(c *v1.Container, live *podstate.Container) bool { return false }
func (s *State) allocated(name string) *v1.ResourceRequirements                     { return nil }
func (s *State) resizeView() podstate.ResizeView                                    { return podstate.ResizeView{} }

func (s *State) withAllocated(pod *v1.Pod) *v1.Pod { return pod }
