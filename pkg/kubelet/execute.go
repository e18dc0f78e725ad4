package kubelet

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"

	"github.com/proa-sh/proa/pkg/killpoint"
	"github.com/proa-sh/proa/pkg/kubelet/handler"
	"github.com/proa-sh/proa/pkg/kubelet/images"
	"github.com/proa-sh/proa/pkg/kubelet/podstate"
	"github.com/proa-sh/proa/pkg/kubelet/record"
	"github.com/proa-sh/proa/pkg/kubelet/runtime"
	"github.com/proa-sh/proa/pkg/kubelet/status"
	"github.com/proa-sh/proa/pkg/kubelet/volumes"
	"github.com/proa-sh/proa/pkg/kubelet/worker"
	"github.com/proa-sh/proa/pkg/pods"
)

// Reasons that a container's status shows when it cannot be made or started.
const (
	reasonConfig = "CreateContainerConfigError"
	reasonCreate = "CreateContainerError"
	reasonRun    = "RunContainerError"
)

// do carries out one action of a pod worker with the stage that can.
func (p *parts) do(ctx context.Context, t worker.Task) worker.Result {
	var r worker.Result
	a, pod := t.Action, t.Pod
	switch a.Kind {
	case worker.Inspect:
		r.Observed, r.Err = p.runtime.Inspect(ctx, pod.UID, &t.Observed)
	case worker.Remember:
		r.Err = p.remember(t)
	case worker.EnsureCgroup:
		r.CgroupParent, r.Err = p.resources.EnsurePod(ctx, pod)
	case worker.MountVolumes:
		p.mountVolumes(ctx, t, &r)
	case worker.RefreshVolumes:
		r.Err = p.volumes.Refresh(ctx, pod)
		r.Refresh, _ = p.volumes.NextRefresh(pod.UID)
	case worker.CreateSandbox:
		r.Err = p.createSandbox(ctx, t)
	case worker.PullImage:
		p.pullImages(ctx, t, &r)
	case worker.StartContainer:
		p.startContainer(ctx, t, &r)
	case worker.PostStart:
		r.Err = p.hook(ctx, t, func(l *v1.Lifecycle) *v1.LifecycleHandler { return l.PostStart })
	case worker.PreStop:
		r.Err = p.preStop(ctx, t)
	case worker.StopContainer:
		r.Err = p.runtime.StopContainer(ctx, a.ID, a.Grace)
	case worker.RemoveContainer:
		if c := t.Observed.Instance(a.ID); c != nil {
			r.Err = p.runtime.RemoveContainer(ctx, *c)
		}
	case worker.ResizeContainer:
		r.Err = p.resize(ctx, t)
	case worker.StopSandbox:
		r.Err = p.runtime.StopSandbox(ctx, a.ID)
	case worker.RemoveSandbox:
		r.Err = p.runtime.RemoveSandbox(ctx, a.ID)
	case worker.UnmountVolumes:
		r.Err = p.unmount(ctx, pod)
	case worker.RemoveCgroup:
		r.Err = p.resources.RemovePod(ctx, pod.UID)
	case worker.RemoveLogs:
		r.Err = p.forget(pod)
	case worker.PublishStatus:
		p.publish(ctx, t, &r)
	case worker.DeletePod:
		if err := p.publisher.Delete(ctx, pod); errors.Is(err, status.ErrGone) {
			r.Gone = true
		} else {
			r.Err = err
		}
	default:
		r.Err = fmt.Errorf("unknown action %q", a.Kind)
	}
	return r
}

// resize changes the limits of a running container. A memory limit is not lowered below what is used: the kernel would end
// processes to keep it.
func (p *parts) resize(ctx context.Context, t worker.Task) error {
	limits := p.resources.ContainerResources(t.Pod, pods.Container(t.Pod, t.Action.Container))
	now, wanted := int64(0), limits.GetMemoryLimitInBytes()
	if c := t.Observed.Instance(t.Action.ID); c != nil {
		now = c.Resources.GetMemoryLimitInBytes()
	}
	if wanted > 0 && (now <= 0 || wanted < now) {
		stats, err := p.runtimeAPI.ContainerStats(ctx, t.Action.ID)
		if err != nil {
			return fmt.Errorf("read memory use of container %q: %w", t.Action.Container, err)
		}
		if used := int64(stats.GetMemory().GetUsageBytes().GetValue()); used >= wanted {
			return fmt.Errorf("attempting to set container %q memory limit (%d) below current usage (%d)", t.Action.Container, wanted, used)
		}
	}
	return p.runtime.UpdateResources(ctx, t.Action.ID, limits)
}

// remember writes down what the next kubelet has to know of the pod.
func (p *parts) remember(t worker.Task) error {
	err := p.records.Change(t.Pod.UID, func(r *record.Record) {
		r.Namespace, r.Name, r.Worker, r.Ending = t.Pod.Namespace, t.Pod.Name, t.Memory, record.EndingOf(t.Pod)
	})
	killpoint.Here(killpoint.PodRemembered)
	if err != nil {
		p.events.record(t.Pod, "", v1.EventTypeWarning, "FailedSync", fmt.Sprintf("Failed to remember the pod, which does not go on before: %v", err))
	}
	return err
}

// unmount takes the pod's volumes away. What others have mounted in them is theirs to take away: the pod waits for that.
func (p *parts) unmount(ctx context.Context, pod *v1.Pod) error {
	p.caches.objects.Forget(pod)
	err := p.volumes.Teardown(ctx, pod.UID)
	var foreign *volumes.ForeignMounts
	if errors.As(err, &foreign) {
		klog.FromContext(ctx).Error(err, "The pod's directory is kept", "pod", klog.KObj(pod), "podUID", pod.UID)
		if message := fmt.Sprintf("error killing pod: %v", err); pod.Spec.NodeName == "" {
			p.events.onNode(p.cfg.NodeName, "FailedKillPod", message)
		} else {
			p.events.record(pod, "", v1.EventTypeWarning, "FailedKillPod", message)
		}
	}
	return err
}

// forget removes the last of a pod: its logs, and at the very end what is remembered of it.
func (p *parts) forget(pod *v1.Pod) error {
	if pod.Name != "" {
		if err := p.runtime.RemoveLogs(pod.Namespace, pod.Name, pod.UID); err != nil {
			return err
		}
	}
	return p.records.Forget(pod.UID)
}

func (p *parts) mountVolumes(ctx context.Context, t worker.Task, r *worker.Result) {
	p.caches.objects.Follow(t.Pod)
	paths, err := p.volumes.Setup(ctx, t.Pod)
	if err != nil {
		r.Err = err
		if ctx.Err() == nil {
			p.events.record(t.Pod, "", v1.EventTypeWarning, "FailedMount", err.Error())
		}
		return
	}
	r.Volumes = paths
	r.Refresh, _ = p.volumes.NextRefresh(t.Pod.UID)
}

func (p *parts) createSandbox(ctx context.Context, t worker.Task) error {
	if names := claims(t.Pod); len(names) > 0 {
		err := fmt.Errorf("this kubelet prepares no resource claims: %s", strings.Join(names, ", "))
		p.events.record(t.Pod, "", v1.EventTypeWarning, "FailedPrepareDynamicResources", fmt.Sprintf("Failed to prepare dynamic resources: %v", err))
		return err
	}
	if !t.Pod.Spec.HostNetwork {
		if err := p.node.NetworkReady(); err != nil {
			p.events.record(t.Pod, "", v1.EventTypeWarning, "NetworkNotReady", fmt.Sprintf("network is not ready: %v", err))
			return fmt.Errorf("network is not ready: %w", err)
		}
	}
	problem, err := p.runtime.CreateSandbox(ctx, t.Pod, t.Action.Attempt, t.CgroupParent)
	killpoint.Here(killpoint.SandboxCreated)
	if problem != "" {
		p.events.record(t.Pod, "", v1.EventTypeWarning, "DNSConfigForming", problem)
	}
	if err != nil && ctx.Err() == nil {
		p.events.record(t.Pod, "", v1.EventTypeWarning, "FailedCreatePodSandBox", fmt.Sprintf("Failed to create pod sandbox: %v", err))
	}
	return err
}

// claims are the names of the pod's resource claims. A pod that has some must not start as if it had none.
func claims(pod *v1.Pod) []string {
	var names []string
	for i := range pod.Spec.ResourceClaims {
		names = append(names, pod.Spec.ResourceClaims[i].Name)
	}
	return names
}

// pullImages brings the container's image and the images of the volumes it mounts to the node.
func (p *parts) pullImages(ctx context.Context, t worker.Task, r *worker.Result) {
	c := pods.Container(t.Pod, t.Action.Container)
	if c == nil {
		r.Err = fmt.Errorf("pod has no container %q", t.Action.Container)
		return
	}
	runtimeHandler, err := p.caches.handlerOf(t.Pod)
	if err != nil {
		r.Err = err
		return
	}
	mounted := map[string]bool{}
	for _, m := range c.VolumeMounts {
		mounted[m.Name] = true
	}
	for i := range t.Pod.Spec.Volumes {
		v := &t.Pod.Spec.Volumes[i]
		if v.Image == nil || !mounted[v.Name] {
			continue
		}
		_, err := p.images.Ensure(ctx, images.Request{
			Pod: t.Pod, Container: c.Name, Image: v.Image.Reference, Policy: v.Image.PullPolicy, Handler: runtimeHandler,
		})
		if err != nil {
			failPull(r, err)
			return
		}
	}
	r.Image, err = p.images.Ensure(ctx, images.Request{
		Pod: t.Pod, Container: c.Name, Image: c.Image, Policy: c.ImagePullPolicy, Handler: runtimeHandler,
	})
	if err != nil {
		failPull(r, err)
	}
}

func failPull(r *worker.Result, err error) {
	r.Err = err
	var why *images.Error
	if errors.As(err, &why) {
		r.Waiting = podstate.Reason{Reason: why.Reason, Message: why.Message}
	}
}

// startContainer creates and starts an instance.
func (p *parts) startContainer(ctx context.Context, t worker.Task, r *worker.Result) {
	fail := func(reason string, err error) {
		r.Err, r.Waiting = err, podstate.Reason{Reason: reason, Message: err.Error()}
		if ctx.Err() == nil {
			p.events.record(t.Pod, t.Action.Container, v1.EventTypeWarning, "Failed", "Error: "+err.Error())
		}
	}
	c := pods.Container(t.Pod, t.Action.Container)
	sandbox := t.Observed.ReadySandbox()
	if c == nil || sandbox == nil {
		fail(reasonConfig, fmt.Errorf("container %q has no definition or no sandbox", t.Action.Container))
		return
	}
	id, err := p.runtime.CreateContainer(ctx, runtime.CreateRequest{
		Pod: t.Pod, Container: c, Attempt: t.Action.Attempt, Sandbox: *sandbox, CgroupParent: t.CgroupParent,
		Image: t.Image, Volumes: t.Volumes, TargetID: targetID(t),
	})
	if err != nil {
		reason := reasonCreate
		var config *runtime.ConfigError
		if errors.As(err, &config) {
			reason = reasonConfig
		}
		fail(reason, err)
		return
	}
	killpoint.Here(killpoint.ContainerCreated)
	p.events.record(t.Pod, c.Name, v1.EventTypeNormal, "Created", "Container created")
	if err := p.runtime.StartContainer(ctx, t.Pod, c.Name, t.Action.Attempt, id); err != nil {
		fail(reasonRun, err)
		return
	}
	killpoint.Here(killpoint.ContainerStarted)
	p.events.record(t.Pod, c.Name, v1.EventTypeNormal, "Started", "Container started")
	r.ID = id
}

// targetID is the instance whose processes an ephemeral container asked to see.
func targetID(t worker.Task) string {
	for i := range t.Pod.Spec.EphemeralContainers {
		e := &t.Pod.Spec.EphemeralContainers[i]
		if e.Name != t.Action.Container || e.TargetContainerName == "" {
			continue
		}
		if target := t.Observed.Latest(e.TargetContainerName); target != nil {
			return target.ID
		}
	}
	return ""
}

func (p *parts) hook(ctx context.Context, t worker.Task, choose func(*v1.Lifecycle) *v1.LifecycleHandler) error {
	c := pods.Container(t.Pod, t.Action.Container)
	if c == nil || c.Lifecycle == nil || choose(c.Lifecycle) == nil {
		return nil
	}
	target := handler.Target{Container: c, ContainerID: t.Action.ID, Host: t.Pod.Status.PodIP, UserAgent: p.hookAgent}
	return handler.RunHook(ctx, choose(c.Lifecycle), target, p.runtime.Exec)
}

// preStop runs the hook within the grace period. A hook that fails is told; the container ends all the same. That it has ended
// is remembered while the pod ends, so that the next kubelet does not run it once more.
func (p *parts) preStop(ctx context.Context, t worker.Task) error {
	limited, cancel := context.WithTimeout(ctx, time.Duration(t.Action.Grace)*time.Second)
	defer cancel()
	err := p.hook(limited, t, func(l *v1.Lifecycle) *v1.LifecycleHandler { return l.PreStop })
	if err != nil && ctx.Err() == nil {
		p.events.record(t.Pod, t.Action.Container, v1.EventTypeWarning, "FailedPreStopHook", "PreStopHook failed")
	}
	// A pod without a node is one of which only the record, or the runtime, knows.
	if ending := t.Pod.DeletionTimestamp != nil || t.Pod.Spec.NodeName == ""; ctx.Err() != nil || !ending {
		return ctx.Err()
	}
	if err := p.runtime.MarkPreStop(t.Pod.UID, t.Action.Container, t.Action.ID); err != nil {
		klog.FromContext(ctx).Error(err, "A restart of the kubelet will run the hook again", "container", t.Action.Container)
	}
	return nil
}

func (p *parts) publish(ctx context.Context, t worker.Task, r *worker.Result) {
	if pods.IsStatic(t.Pod) {
		p.publishStatic(ctx, t, r)
		return
	}
	pod, err := p.publisher.Publish(ctx, t.Pod, t.Status)
	if errors.Is(err, status.ErrGone) {
		r.Gone = true
		return
	}
	r.Pod, r.Err, r.Refused = pod, err, status.Refused(err)
}
