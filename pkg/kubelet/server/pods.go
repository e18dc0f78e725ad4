package server

import (
	"cmp"
	"net/http"
	"slices"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// Labels that a kubelet puts on containers, by which everyone finds its way back from a container to its pod.
const (
	labelPodName   = "io.kubernetes.pod.name"
	labelNamespace = "io.kubernetes.pod.namespace"
	labelUID       = "io.kubernetes.pod.uid"
	labelContainer = "io.kubernetes.container.name"
)

// servePods lists the pods that the kubelet is to run.
func (s *Server) servePods(w http.ResponseWriter, r *http.Request) {
	list := podList()
	for _, pod := range s.cfg.Pods.Pods() {
		list.Items = append(list.Items, *pod)
	}
	writeJSON(w, r, list)
}

// serveRunningPods lists the pods that the runtime runs, with what it knows of them.
func (s *Server) serveRunningPods(w http.ResponseWriter, r *http.Request) {
	running, err := s.cfg.Runtime.ListContainers(r.Context(), &runtimeapi.ContainerFilter{
		State: &runtimeapi.ContainerStateValue{State: runtimeapi.ContainerState_CONTAINER_RUNNING},
	})
	if err != nil {
		http.Error(w, "list containers: "+err.Error(), http.StatusInternalServerError)
		return
	}
	writeJSON(w, r, runningPods(running))
}

// runningPods groups containers by pod.
func runningPods(containers []*runtimeapi.Container) *v1.PodList {
	byUID := map[string]*v1.Pod{}
	for _, c := range containers {
		uid := c.GetLabels()[labelUID]
		pod, ok := byUID[uid]
		if !ok {
			pod = &v1.Pod{ObjectMeta: metav1.ObjectMeta{
				Name: c.GetLabels()[labelPodName], Namespace: c.GetLabels()[labelNamespace], UID: types.UID(uid),
			}}
			byUID[uid] = pod
		}
		pod.Spec.Containers = append(pod.Spec.Containers, v1.Container{Name: c.GetLabels()[labelContainer], Image: c.GetImage().GetImage()})
	}
	list := podList()
	for _, pod := range byUID {
		slices.SortFunc(pod.Spec.Containers, func(a, b v1.Container) int { return cmp.Compare(a.Name, b.Name) })
		list.Items = append(list.Items, *pod)
	}
	slices.SortFunc(list.Items, func(a, b v1.Pod) int { return cmp.Compare(a.UID, b.UID) })
	return list
}

func podList() *v1.PodList {
	return &v1.PodList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "PodList"}, Items: []v1.Pod{}}
}
