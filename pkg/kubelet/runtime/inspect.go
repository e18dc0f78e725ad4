package runtime

import (
	"context"
	"encoding/json"
	"fmt"
	"sort"
	"strconv"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/klog/v2"

	"github.com/proa-sh/proa/pkg/kubelet/podstate"
)

// Inspect reads all that the runtime holds of one pod. Exited instances never change, so those in previous are taken over
// without asking again.
func (r *Runtime) Inspect(ctx context.Context, uid types.UID, previous *podstate.Observed) (podstate.Observed, error) {
	selector := map[string]string{labelUID: string(uid)}
	sandboxes, err := r.cfg.CRI.ListPodSandbox(ctx, &runtimeapi.PodSandboxFilter{LabelSelector: selector})
	if err != nil {
		return podstate.Observed{}, fmt.Errorf("list sandboxes of pod %s: %w", uid, err)
	}
	containers, err := r.cfg.CRI.ListContainers(ctx, &runtimeapi.ContainerFilter{LabelSelector: selector})
	if err != nil {
		return podstate.Observed{}, fmt.Errorf("list containers of pod %s: %w", uid, err)
	}
	return r.assemble(ctx, uid, sandboxes, containers, previous)
}

// List reads everything of every pod; a restarted kubelet starts from it.
func (r *Runtime) List(ctx context.Context) ([]podstate.Observed, error) {
	sandboxes, err := r.cfg.CRI.ListPodSandbox(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("list sandboxes: %w", err)
	}
	containers, err := r.cfg.CRI.ListContainers(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("list containers: %w", err)
	}
	byUID := map[types.UID]bool{}
	sandboxesOf, containersOf := map[types.UID][]*runtimeapi.PodSandbox{}, map[types.UID][]*runtimeapi.Container{}
	for _, s := range sandboxes {
		uid := types.UID(s.Labels[labelUID])
		sandboxesOf[uid] = append(sandboxesOf[uid], s)
		byUID[uid] = true
	}
	for _, c := range containers {
		uid := types.UID(c.Labels[labelUID])
		containersOf[uid] = append(containersOf[uid], c)
		byUID[uid] = true
	}
	// Without the label it is not a pod of a kubelet.
	delete(byUID, "")
	var all []podstate.Observed
	for uid := range byUID {
		o, err := r.assemble(ctx, uid, sandboxesOf[uid], containersOf[uid], nil)
		if err != nil {
			return nil, err
		}
		all = append(all, o)
	}
	sort.Slice(all, func(i, j int) bool { return all[i].UID < all[j].UID })
	return all, nil
}

func (r *Runtime) assemble(ctx context.Context, uid types.UID, sandboxes []*runtimeapi.PodSandbox, containers []*runtimeapi.Container, previous *podstate.Observed) (podstate.Observed, error) {
	o := podstate.Observed{UID: uid}
	sort.SliceStable(sandboxes, func(i, j int) bool { return sandboxes[i].CreatedAt > sandboxes[j].CreatedAt })
	sort.SliceStable(containers, func(i, j int) bool { return containers[i].CreatedAt > containers[j].CreatedAt })
	for i, s := range sandboxes {
		o.Name, o.Namespace = s.Labels[labelPodName], s.Labels[labelNamespace]
		sandbox := podstate.Sandbox{
			ID: s.Id, Attempt: s.Metadata.GetAttempt(), CreatedAt: time.Unix(0, s.CreatedAt),
			Ready: s.State == runtimeapi.PodSandboxState_SANDBOX_READY,
		}
		if i == 0 {
			ips, err := r.sandboxIPs(ctx, s, previous)
			if isNotFound(err) {
				continue
			}
			if err != nil {
				return o, err
			}
			sandbox.IPs = ips
		}
		o.Sandboxes = append(o.Sandboxes, sandbox)
	}
	for _, c := range containers {
		if o.Name == "" {
			o.Name, o.Namespace = c.Labels[labelPodName], c.Labels[labelNamespace]
		}
		if previous != nil {
			if old := previous.Instance(c.Id); old != nil && old.Phase == podstate.Exited {
				o.Containers = append(o.Containers, *old)
				continue
			}
		}
		container, err := r.container(ctx, uid, c)
		if isNotFound(err) {
			continue
		}
		if err != nil {
			return o, err
		}
		o.Containers = append(o.Containers, container)
	}
	return o, nil
}

func (r *Runtime) sandboxIPs(ctx context.Context, s *runtimeapi.PodSandbox, previous *podstate.Observed) ([]string, error) {
	if previous != nil {
		if old := previous.Sandbox(); old != nil && old.ID == s.Id && len(old.IPs) > 0 {
			return old.IPs, nil
		}
	}
	response, err := r.cfg.CRI.PodSandboxStatus(ctx, s.Id, false)
	if err != nil {
		return nil, fmt.Errorf("read status of sandbox %s: %w", s.Id, err)
	}
	network := response.GetStatus().GetNetwork()
	if network.GetIp() == "" {
		return nil, nil
	}
	ips := []string{network.Ip}
	for _, extra := range network.AdditionalIps {
		ips = append(ips, extra.Ip)
	}
	return ips, nil
}

func (r *Runtime) container(ctx context.Context, uid types.UID, c *runtimeapi.Container) (podstate.Container, error) {
	response, err := r.cfg.CRI.ContainerStatus(ctx, c.Id, false)
	if err != nil {
		return podstate.Container{}, fmt.Errorf("read status of container %s: %w", c.Id, err)
	}
	s := response.GetStatus()
	out := podstate.Container{
		ID:         c.Id,
		Name:       c.Labels[labelContainer],
		SandboxID:  c.PodSandboxId,
		Attempt:    attempt(s),
		Phase:      phase(s.State),
		CreatedAt:  unixNano(s.CreatedAt),
		StartedAt:  unixNano(s.StartedAt),
		FinishedAt: unixNano(s.FinishedAt),
		ExitCode:   s.ExitCode,
		Reason:     s.Reason,
		Message:    s.Message,
		Image:      s.GetImage().GetImage(),
		ImageID:    s.ImageRef,
		Hash:       s.Annotations[annotationHash],
		LogPath:    s.LogPath,
		Resources:  s.GetResources().GetLinux(),
		User:       s.GetUser().GetLinux(),
		Mounts:     s.Mounts,
	}
	if r.unstarted(out) {
		out.Phase = podstate.Created
	}
	if user := s.GetImage().GetUserSpecifiedImage(); user != "" {
		out.Image = user
	}
	if s.StopSignal != runtimeapi.Signal_RUNTIME_DEFAULT {
		out.StopSignal = s.StopSignal.String()
	}
	if grace := s.Annotations[annotationGracePeriod]; grace != "" {
		// Written by a kubelet; what cannot be read counts as not given.
		if seconds, err := strconv.ParseInt(grace, 10, 64); err == nil {
			out.GracePeriod = seconds
		}
	}
	if out.Phase != podstate.Exited {
		readHook(ctx, s, &out)
		out.PreStopDone, err = r.preStopDone(uid, out.Name, out.ID)
		return out, err
	}
	if words := r.lastWords(ctx, s); words != "" {
		out.Message = words
	}
	return out, nil
}

// readHook takes the preStop hook from what the kubelet that made the instance told the runtime. It is needed only for a pod of
// which nothing else is known; one that cannot be read counts as none.
func readHook(ctx context.Context, s *runtimeapi.ContainerStatus, out *podstate.Container) {
	hook, ports := s.Annotations[annotationPreStop], s.Annotations[annotationPorts]
	if hook == "" {
		return
	}
	out.PreStop = &v1.LifecycleHandler{}
	if err := json.Unmarshal([]byte(hook), out.PreStop); err != nil {
		klog.FromContext(ctx).Error(err, "The preStop hook of a container cannot be read from the container runtime", "containerID", s.Id)
		out.PreStop = nil
		return
	}
	if ports == "" {
		return
	}
	if err := json.Unmarshal([]byte(ports), &out.Ports); err != nil {
		klog.FromContext(ctx).Error(err, "The ports of a container cannot be read from the container runtime", "containerID", s.Id)
		out.Ports = nil
	}
}

// attempt prefers the annotation: it carries the restart count also over the loss of a sandbox.
func attempt(s *runtimeapi.ContainerStatus) uint32 {
	if n, err := strconv.ParseUint(s.Annotations[annotationRestartCount], 10, 32); err == nil {
		return uint32(n)
	}
	return s.GetMetadata().GetAttempt()
}

func phase(s runtimeapi.ContainerState) podstate.Phase {
	switch s {
	case runtimeapi.ContainerState_CONTAINER_CREATED:
		return podstate.Created
	case runtimeapi.ContainerState_CONTAINER_RUNNING:
		return podstate.Running
	case runtimeapi.ContainerState_CONTAINER_EXITED:
		return podstate.Exited
	}
	return podstate.Unknown
}

// unixNano keeps "not yet" apart from 1970.
func unixNano(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, ns)
}

// isNotFound: the thing went away between two calls.
func isNotFound(err error) bool { return err != nil && grpcCode(err) == codes.NotFound }

func grpcCode(err error) codes.Code {
	s, _ := status.FromError(err)
	return s.Code()
}
