package histories

import (
	"fmt"
	"slices"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/storage"

	"github.com/proa-sh/proa/pkg/pods"
)

// kubelet plays scheduler and kubelets of all nodes: pods are bound, run, become ready, and end when they are deleted.
type kubelet struct {
	on bool
	// term is the exit code of containers that are told to end; most programs end with 143.
	term int32
}

// step does the first thing that is due and says whether there was one.
func (k *kubelet) step(w *World) bool {
	for _, pod := range w.Pods() {
		if k.advance(w, &pod) {
			return true
		}
	}
	return false
}

// advance takes one pod a step further.
func (k *kubelet) advance(w *World, pod *v1.Pod) bool {
	switch {
	case pod.DeletionTimestamp != nil:
		return k.end(w, pod)
	case pods.IsTerminal(pod):
		return false
	case pod.Spec.NodeName == "":
		w.bind(pod, nodeFor(pod))
	case pod.Status.Phase != v1.PodRunning:
		w.run(pod, true)
	default:
		return false
	}
	return true
}

// end ends a pod that is being deleted: first its containers, then the object.
func (k *kubelet) end(w *World, pod *v1.Pod) bool {
	if !pods.IsTerminal(pod) {
		w.exit(pod, k.term)
		return true
	}
	if *pod.DeletionGracePeriodSeconds == 0 {
		return false // a finalizer holds it
	}
	w.vanish(pod)
	return true
}

// nodeFor is the node that a pod's affinity names, as a DaemonSet's does, or the first.
func nodeFor(pod *v1.Pod) string {
	if pod.Spec.Affinity != nil && pod.Spec.Affinity.NodeAffinity != nil && pod.Spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution != nil {
		for _, term := range pod.Spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms {
			for _, field := range term.MatchFields {
				if field.Key == metav1.ObjectNameField && len(field.Values) == 1 {
					return field.Values[0]
				}
			}
		}
	}
	return "node-1"
}

// Pods are all pods, by namespace and name. They come straight from the store: the walk asks for them at most steps.
func (w *World) Pods() []v1.Pod {
	store := w.server.memories[schema.GroupResource{Resource: "pods"}]
	records, _ := store.below("/pods", true)
	all := make([]v1.Pod, len(records))
	for i, one := range records {
		if err := store.decode(one.data, one.revision, &all[i]); err != nil {
			w.t.Fatal(err)
		}
	}
	return all
}

// bind gives a pod its node, as the subresource binding does.
func (w *World) bind(pod *v1.Pod, node string) {
	store := w.server.stores[schema.GroupResource{Resource: "pods"}].(*genericregistry.Store)
	err := store.Storage.GuaranteedUpdate(w.t.Context(), "/pods/"+pod.Namespace+"/"+pod.Name, &v1.Pod{}, false, storage.NewUIDPreconditions(string(pod.UID)),
		storage.SimpleUpdate(func(obj runtime.Object) (runtime.Object, error) {
			bound := obj.(*v1.Pod)
			bound.Spec.NodeName = node
			setCondition(&bound.Status, v1.PodCondition{Type: v1.PodScheduled, Status: v1.ConditionTrue, LastTransitionTime: metav1.Now()})
			return bound, nil
		}), false, nil)
	w.must(err, "bind pod %q", pod.Name)
}

// run makes a pod's containers run.
func (w *World) run(pod *v1.Pod, ready bool) {
	w.setStatus(pod, func(status *v1.PodStatus) {
		status.Phase = v1.PodRunning
		if status.PodIP == "" {
			w.addresses++
			status.PodIP = fmt.Sprintf("10.1.%d.%d", w.addresses/256%256, w.addresses%256)
			status.PodIPs = []v1.PodIP{{IP: status.PodIP}}
		}
		now := metav1.Now()
		if status.StartTime == nil {
			status.StartTime = &now
		}
		status.ContainerStatuses = nil
		for _, c := range pod.Spec.Containers {
			status.ContainerStatuses = append(status.ContainerStatuses, v1.ContainerStatus{
				Name: c.Name, Image: c.Image, Ready: ready, Started: &ready, State: v1.ContainerState{Running: &v1.ContainerStateRunning{StartedAt: now}},
			})
		}
		setReady(status, ready)
	})
}

// exit makes a pod's containers end.
func (w *World) exit(pod *v1.Pod, code int32) {
	w.setStatus(pod, func(status *v1.PodStatus) {
		status.Phase = v1.PodSucceeded
		if code != 0 {
			status.Phase = v1.PodFailed
		}
		started := false
		status.ContainerStatuses = nil
		for _, c := range pod.Spec.Containers {
			status.ContainerStatuses = append(status.ContainerStatuses, v1.ContainerStatus{
				Name: c.Name, Image: c.Image, Started: &started,
				State: v1.ContainerState{Terminated: &v1.ContainerStateTerminated{ExitCode: code, FinishedAt: metav1.Now(), ContainerID: "c"}},
			})
		}
		setReady(status, false)
	})
}

func setReady(status *v1.PodStatus, ready bool) {
	for _, kind := range []v1.PodConditionType{v1.PodReady, v1.ContainersReady} {
		condition := v1.PodCondition{Type: kind, Status: v1.ConditionFalse, LastTransitionTime: metav1.Now()}
		if ready {
			condition.Status = v1.ConditionTrue
		}
		setCondition(status, condition)
	}
}

func setCondition(status *v1.PodStatus, next v1.PodCondition) {
	at := slices.IndexFunc(status.Conditions, func(c v1.PodCondition) bool { return c.Type == next.Type })
	switch {
	case at < 0:
		status.Conditions = append(status.Conditions, next)
	case status.Conditions[at].Status != next.Status:
		status.Conditions[at] = next
	}
}

func (w *World) setStatus(pod *v1.Pod, change func(*v1.PodStatus)) {
	pod = pod.DeepCopy()
	change(&pod.Status)
	_, err := w.client.CoreV1().Pods(pod.Namespace).UpdateStatus(w.t.Context(), pod, metav1.UpdateOptions{})
	w.must(err, "write status of pod %q", pod.Name)
}

// vanish takes away the object of a pod whose containers have ended.
func (w *World) vanish(pod *v1.Pod) {
	now := int64(0)
	err := w.client.CoreV1().Pods(pod.Namespace).Delete(w.t.Context(), pod.Name, metav1.DeleteOptions{
		GracePeriodSeconds: &now, Preconditions: &metav1.Preconditions{UID: &pod.UID},
	})
	w.must(err, "remove pod %q", pod.Name)
}

// must ends the test when what the world itself does fails. Somebody else may have been quicker.
func (w *World) must(err error, format string, arguments ...any) {
	w.t.Helper()
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
		w.t.Fatalf("%s: %v", fmt.Sprintf(format, arguments...), err)
	}
}
