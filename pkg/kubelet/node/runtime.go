package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// runtimeTimeout bounds how long the runtime may take to tell its status.
const runtimeTimeout = 5 * time.Second

// runtimeState is what the container runtime tells about itself.
type runtimeState struct {
	// runtime and network are why either is not ready.
	runtime, network error
	version          string
	handlers         []v1.NodeRuntimeHandler
	features         *v1.NodeFeatures
}

// askRuntime asks the runtime for its status, and for its version unless that is known.
func (n *Node) askRuntime(ctx context.Context, version string) runtimeState {
	ctx, cancel := context.WithTimeout(ctx, runtimeTimeout)
	defer cancel()
	answer, err := n.cfg.Runtime.Status(ctx, false)
	if err != nil {
		down := fmt.Errorf("container runtime is down: %w", err)
		return runtimeState{runtime: down, network: down}
	}
	state := readRuntime(answer)
	state.version = version
	if version == "" {
		if v, err := n.cfg.Runtime.Version(ctx, "v1"); err != nil {
			state.runtime = errors.Join(state.runtime, fmt.Errorf("container runtime does not tell its version: %w", err))
		} else {
			state.version = v.RuntimeName + "://" + v.RuntimeVersion
		}
	}
	return state
}

// readRuntime reads the runtime's answer.
func readRuntime(answer *runtimeapi.StatusResponse) runtimeState {
	state := runtimeState{
		runtime: unready("container runtime not ready", answer.GetStatus(), runtimeapi.RuntimeReady),
		network: unready("container runtime network not ready", answer.GetStatus(), runtimeapi.NetworkReady),
	}
	for _, handler := range answer.GetRuntimeHandlers() {
		state.handlers = append(state.handlers, v1.NodeRuntimeHandler{
			Name: handler.GetName(),
			Features: &v1.NodeRuntimeHandlerFeatures{
				RecursiveReadOnlyMounts: ref(handler.GetFeatures().GetRecursiveReadOnlyMounts()),
				UserNamespaces:          ref(handler.GetFeatures().GetUserNamespaces()),
			},
		})
	}
	slices.SortFunc(state.handlers, func(a, b v1.NodeRuntimeHandler) int { return strings.Compare(a.Name, b.Name) })
	if answer.GetFeatures() != nil {
		state.features = &v1.NodeFeatures{SupplementalGroupsPolicy: ref(answer.GetFeatures().GetSupplementalGroupsPolicy())}
	}
	return state
}

// unready is why a condition of the runtime does not hold; nil when it does.
func unready(what string, status *runtimeapi.RuntimeStatus, kind string) error {
	for _, condition := range status.GetConditions() {
		if condition.GetType() != kind {
			continue
		}
		if condition.GetStatus() {
			return nil
		}
		return fmt.Errorf("%s: %s=false reason:%s message:%s", what, kind, condition.GetReason(), condition.GetMessage())
	}
	return fmt.Errorf("%s: condition %s not set", what, kind)
}

func ref[T any](v T) *T { return &v }
