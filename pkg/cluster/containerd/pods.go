package containerd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	corev1 "k8s.io/api/core/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/klog/v2"

	"github.com/proa-sh/proa/pkg/kubelet/handler"
)

const (
	// removeWorkers bounds how many pods are removed at the same time, for each takes its network down with programs of its
	// own. Containers are stopped all at once: most of that is waiting.
	removeWorkers = 16
	// defaultGrace is that of a pod that does not say how long it may take to end.
	defaultGrace = corev1.DefaultTerminationGracePeriodSeconds * time.Second
	// nowGrace is how long a container may take when nobody waits for it, and the least that is left after a preStop hook.
	nowGrace = 2 * time.Second
	// slack is what the runtime itself may take beyond a container's time, until it counts as hanging.
	slack = 10 * time.Second
	// tellAfter is how long the end may take before it is told which pods have ended.
	tellAfter = 2 * time.Second
)

// What kubelets write of a container for whoever ends it without them.
const (
	annotationGrace   = "io.kubernetes.pod.terminationGracePeriod"
	annotationPreStop = "io.kubernetes.container.preStopHandler"
	annotationPorts   = "io.kubernetes.container.ports"
)

// Ending is how pods are ended.
type Ending struct {
	// Now is closed when nobody wants to wait any more; nil: never.
	Now <-chan struct{}
	// Note is told of the progress, and of how long what is told may take from then on.
	Note func(text string, takes time.Duration)
}

// EndPods ends all pods as their kubelet would: with the preStop hooks of their containers and the time that each may take, and
// with their networks; then it removes them. Containers of a pod end together. It goes on after a failure.
func (d *Daemon) EndPods(ctx context.Context, e Ending) error {
	conn, err := grpc.NewClient(d.cfg.Endpoint(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return fmt.Errorf("connect to containerd: %w", err)
	}
	defer conn.Close()
	return e.run(ctx, runtimeapi.NewRuntimeServiceClient(conn))
}

// pod is what there is of one.
type pod struct {
	*runtimeapi.PodSandbox
	containers []*runtimeapi.Container
}

func (p pod) name() string { return p.GetMetadata().GetNamespace() + "/" + p.GetMetadata().GetName() }

func (p pod) grace() time.Duration {
	var longest time.Duration
	for _, c := range p.containers {
		longest = max(longest, graceOf(c))
	}
	return longest
}

func graceOf(c *runtimeapi.Container) time.Duration {
	seconds, err := strconv.ParseUint(c.GetAnnotations()[annotationGrace], 10, 31)
	if err != nil {
		return defaultGrace
	}
	return time.Duration(seconds) * time.Second
}

func (e Ending) run(ctx context.Context, cri runtimeapi.RuntimeServiceClient) error {
	pods, err := listPods(ctx, cri)
	if err != nil || len(pods) == 0 {
		return err
	}
	slowest := pods[0]
	for _, p := range pods {
		if p.grace() > slowest.grace() {
			slowest = p
		}
	}
	e.Note(fmt.Sprintf("Ending pods: %d; %s may take %v (`proa down --now` does not wait)", len(pods), slowest.name(), slowest.grace()),
		slowest.grace()+slack)
	waiting, giveUp := context.WithCancel(ctx)
	defer giveUp()
	go func() {
		select {
		case <-e.Now:
			giveUp()
		case <-waiting.Done():
		}
	}()
	began, left := time.Now(), atomic.Int64{}
	left.Store(int64(len(pods)))
	workers := semaphore.NewWeighted(removeWorkers)
	return forEach(len(pods), pods, func(p pod) error {
		stopped := forEach(len(p.containers), p.containers, func(c *runtimeapi.Container) error { return stopContainer(ctx, waiting, cri, p, c) })
		if err := workers.Acquire(ctx, 1); err != nil {
			return errors.Join(stopped, err)
		}
		defer workers.Release(1)
		err := removePod(ctx, cri, p)
		if rest := left.Add(-1); time.Since(began) > tellAfter && rest > 0 {
			e.Note(fmt.Sprintf("Ended %s; %d left", p.name(), rest), 0)
		}
		return errors.Join(stopped, err)
	})
}

func listPods(ctx context.Context, cri runtimeapi.RuntimeServiceClient) ([]pod, error) {
	ctx, cancel := context.WithTimeout(ctx, slack)
	defer cancel()
	sandboxes, err := cri.ListPodSandbox(ctx, &runtimeapi.ListPodSandboxRequest{})
	if err != nil {
		return nil, fmt.Errorf("list pods: %w", err)
	}
	running, err := cri.ListContainers(ctx, &runtimeapi.ListContainersRequest{Filter: &runtimeapi.ContainerFilter{
		State: &runtimeapi.ContainerStateValue{State: runtimeapi.ContainerState_CONTAINER_RUNNING},
	}})
	if err != nil {
		return nil, fmt.Errorf("list containers: %w", err)
	}
	containers := map[string][]*runtimeapi.Container{}
	for _, c := range running.Containers {
		containers[c.PodSandboxId] = append(containers[c.PodSandboxId], c)
	}
	var pods []pod
	for _, s := range sandboxes.Items {
		pods = append(pods, pod{s, containers[s.Id]})
	}
	return pods, nil
}

// stopContainer gives the container its time, of which its hook takes a part, until waiting ends.
func stopContainer(ctx, waiting context.Context, cri runtimeapi.RuntimeServiceClient, p pod, c *runtimeapi.Container) error {
	deadline := time.Now().Add(graceOf(c))
	if hook := c.GetAnnotations()[annotationPreStop]; hook != "" && waiting.Err() == nil {
		bounded, cancel := context.WithDeadline(waiting, deadline)
		err := runHook(bounded, cri, p, c, hook)
		cancel()
		if err != nil { // as with a kubelet, the container ends all the same
			klog.FromContext(ctx).Error(err, "PreStop hook failed", "pod", p.name(), "container", c.GetMetadata().GetName())
		}
		deadline = later(deadline, time.Now().Add(nowGrace))
	}
	var err error
	if waiting.Err() == nil {
		err = stop(waiting, cri, c, time.Until(deadline))
	}
	if waiting.Err() != nil {
		err = stop(ctx, cri, c, min(nowGrace, graceOf(c)))
	}
	if err != nil {
		return fmt.Errorf("stop container %s (%s of %s): %w", c.Id, c.GetMetadata().GetName(), p.name(), err)
	}
	return nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func stop(ctx context.Context, cri runtimeapi.RuntimeServiceClient, c *runtimeapi.Container, grace time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, grace+slack)
	defer cancel()
	seconds := int64((grace + time.Second - 1) / time.Second)
	_, err := cri.StopContainer(ctx, &runtimeapi.StopContainerRequest{ContainerId: c.Id, Timeout: max(0, seconds)})
	return err
}

func runHook(ctx context.Context, cri runtimeapi.RuntimeServiceClient, p pod, c *runtimeapi.Container, text string) error {
	var hook corev1.LifecycleHandler
	if err := json.Unmarshal([]byte(text), &hook); err != nil {
		return fmt.Errorf("read hook: %w", err)
	}
	target := handler.Target{Container: &corev1.Container{Name: c.GetMetadata().GetName()}, ContainerID: c.Id}
	if ports := c.GetAnnotations()[annotationPorts]; ports != "" {
		if err := json.Unmarshal([]byte(ports), &target.Container.Ports); err != nil {
			return fmt.Errorf("read ports: %w", err)
		}
	}
	if hook.HTTPGet != nil {
		status, err := cri.PodSandboxStatus(ctx, &runtimeapi.PodSandboxStatusRequest{PodSandboxId: p.Id})
		if err != nil {
			return fmt.Errorf("find the pod's address: %w", err)
		}
		target.Host = status.GetStatus().GetNetwork().GetIp()
	}
	return handler.RunHook(ctx, &hook, target, func(ctx context.Context, id string, command []string, timeout time.Duration) ([]byte, []byte, error) {
		response, err := cri.ExecSync(ctx, &runtimeapi.ExecSyncRequest{ContainerId: id, Cmd: command, Timeout: int64((timeout + time.Second - 1) / time.Second)})
		if err == nil && response.ExitCode != 0 {
			err = fmt.Errorf("exit status %d", response.ExitCode)
		}
		return response.GetStdout(), response.GetStderr(), err
	})
}

func removePod(ctx context.Context, cri runtimeapi.RuntimeServiceClient, p pod) error {
	ctx, cancel := context.WithTimeout(ctx, 2*slack)
	defer cancel()
	if _, err := cri.StopPodSandbox(ctx, &runtimeapi.StopPodSandboxRequest{PodSandboxId: p.Id}); err != nil {
		return fmt.Errorf("stop pod %s: %w", p.name(), err)
	}
	if _, err := cri.RemovePodSandbox(ctx, &runtimeapi.RemovePodSandboxRequest{PodSandboxId: p.Id}); err != nil {
		return fmt.Errorf("remove pod %s: %w", p.name(), err)
	}
	return nil
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
