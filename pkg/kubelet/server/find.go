package server

import (
	"fmt"
	"net/http"
	"strings"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"github.com/proa-sh/proa/pkg/kubelet/podstate"
)

// podOf is the pod that the path of a request names; when it names a UID too, that must be the pod's.
func (s *Server) podOf(r *http.Request) (*v1.Pod, error) {
	namespace, name := r.PathValue("namespace"), r.PathValue("pod")
	pod, ok := s.cfg.Pods.Pod(namespace, name)
	if !ok {
		return nil, apierrors.NewNotFound(v1.Resource("pods"), namespace+"/"+name)
	}
	if uid := r.PathValue("uid"); uid != "" && types.UID(uid) != pod.UID {
		return nil, apierrors.NewNotFound(v1.Resource("pods"), namespace+"/"+name+" of UID "+uid)
	}
	return pod, nil
}

// statusOf is the status of a container of whatever sort.
func statusOf(pod *v1.Pod, name string) (v1.ContainerStatus, bool) {
	for _, list := range [][]v1.ContainerStatus{pod.Status.ContainerStatuses, pod.Status.InitContainerStatuses, pod.Status.EphemeralContainerStatuses} {
		for i := range list {
			if list[i].Name == name {
				return list[i], true
			}
		}
	}
	return v1.ContainerStatus{}, false
}

// runningID is the runtime's ID of a running container.
func (s *Server) runningID(pod *v1.Pod, name string) (string, error) {
	instance, ok := s.cfg.Pods.Instance(pod.UID, name)
	if !ok || instance.Phase != podstate.Running {
		return "", fmt.Errorf("container not found (%q)", name)
	}
	return instance.ID, nil
}

// loggedID is the runtime's ID of the container instance whose log is asked for. The errors are those that users see from
// kubectl logs.
func loggedID(pod *v1.Pod, name string, previous bool) (string, error) {
	status, ok := statusOf(pod, name)
	if !ok {
		return "", fmt.Errorf("container %q in pod %q is not available", name, pod.Name)
	}
	last := status.LastTerminationState.Terminated
	if previous {
		if last == nil || last.ContainerID == "" {
			return "", fmt.Errorf("previous terminated container %q in pod %q not found", name, pod.Name)
		}
		return bareID(last.ContainerID), nil
	}
	switch {
	case status.State.Running != nil:
		return bareID(status.ContainerID), nil
	case status.State.Terminated != nil && status.State.Terminated.ContainerID != "":
		return bareID(status.State.Terminated.ContainerID), nil
	case last != nil && last.ContainerID != "": // The next instance has not started yet.
		return bareID(last.ContainerID), nil
	}
	reason := ""
	if status.State.Waiting != nil {
		reason = status.State.Waiting.Reason
	}
	switch reason {
	case "ErrImagePull":
		reason = "image can't be pulled"
	case "ImagePullBackOff":
		reason = "trying and failing to pull image"
	}
	return "", fmt.Errorf("container %q in pod %q is waiting to start: %s", name, pod.Name, reason)
}

// bareID cuts the name of the runtime off: "containerd://abc" is "abc".
func bareID(id string) string {
	if _, bare, ok := strings.Cut(id, "://"); ok {
		return bare
	}
	return id
}

// writeError answers with the code that an API error carries, otherwise with the given one.
func writeError(w http.ResponseWriter, err error, code int) {
	if status, ok := err.(apierrors.APIStatus); ok {
		code = int(status.Status().Code)
	}
	http.Error(w, err.Error(), code)
}
