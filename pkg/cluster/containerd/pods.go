package containerd

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// removeWorkers bounds how many pods are removed at the same time, for each takes its network down with programs of its
// own. Containers are stopped all at once: most of that is waiting.
const removeWorkers = 16

// StopPods ends all containers, giving each the grace to end by itself, then all pods with their networks, and removes
// them. It goes on after a failure, and ends with ctx whatever state the pods are in.
func (d *Daemon) StopPods(ctx context.Context, grace time.Duration) error {
	conn, err := grpc.NewClient(d.cfg.Endpoint(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return fmt.Errorf("connect to containerd: %w", err)
	}
	defer conn.Close()
	cri := runtimeapi.NewRuntimeServiceClient(conn)
	return errors.Join(stopContainers(ctx, cri, grace), removeSandboxes(ctx, cri))
}

func stopContainers(ctx context.Context, cri runtimeapi.RuntimeServiceClient, grace time.Duration) error {
	running, err := cri.ListContainers(ctx, &runtimeapi.ListContainersRequest{Filter: &runtimeapi.ContainerFilter{
		State: &runtimeapi.ContainerStateValue{State: runtimeapi.ContainerState_CONTAINER_RUNNING},
	}})
	if err != nil {
		return fmt.Errorf("list containers: %w", err)
	}
	return forEach(len(running.Containers), running.Containers, func(c *runtimeapi.Container) error {
		_, err := cri.StopContainer(ctx, &runtimeapi.StopContainerRequest{ContainerId: c.Id, Timeout: int64(grace.Seconds())})
		if err != nil {
			return fmt.Errorf("stop container %s (%s): %w", c.Id, c.GetMetadata().GetName(), err)
		}
		return nil
	})
}

func removeSandboxes(ctx context.Context, cri runtimeapi.RuntimeServiceClient) error {
	pods, err := cri.ListPodSandbox(ctx, &runtimeapi.ListPodSandboxRequest{})
	if err != nil {
		return fmt.Errorf("list pods: %w", err)
	}
	return forEach(removeWorkers, pods.Items, func(p *runtimeapi.PodSandbox) error {
		name := p.GetMetadata().GetNamespace() + "/" + p.GetMetadata().GetName()
		if _, err := cri.StopPodSandbox(ctx, &runtimeapi.StopPodSandboxRequest{PodSandboxId: p.Id}); err != nil {
			return fmt.Errorf("stop pod %s: %w", name, err)
		}
		if _, err := cri.RemovePodSandbox(ctx, &runtimeapi.RemovePodSandboxRequest{PodSandboxId: p.Id}); err != nil {
			return fmt.Errorf("remove pod %s: %w", name, err)
		}
		return nil
	})
}

// forEach calls fn for every item, as many as workers at the same time, and gives all errors.
func forEach[T any](workers int, items []T, fn func(T) error) error {
	faults := make([]error, len(items))
	var group errgroup.Group
	group.SetLimit(max(1, workers))
	for i, item := range items {
		group.Go(func() error {
			faults[i] = fn(item)
			return nil
		})
	}
	return errors.Join(group.Wait(), errors.Join(faults...))
}
