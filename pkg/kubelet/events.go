package kubelet

import (
	"context"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	typedcore "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/record"
	"k8s.io/client-go/tools/reference"
	"k8s.io/klog/v2"

	"github.com/proa-sh/proa/pkg/pods"
)

// events records events on pods and containers.
type events struct {
	ctx         context.Context
	broadcaster record.EventBroadcaster
	recorder    record.EventRecorder
}

func newEvents(ctx context.Context, client kubernetes.Interface, nodeName string) *events {
	b := record.NewBroadcaster(record.WithContext(ctx))
	b.StartRecordingToSink(&typedcore.EventSinkImpl{Interface: client.CoreV1().Events("")})
	return &events{
		ctx: ctx, broadcaster: b,
		recorder: b.NewRecorder(scheme.Scheme, v1.EventSource{Component: "kubelet", Host: nodeName}),
	}
}

// stop sends what is queued and ends.
func (e *events) stop() { e.broadcaster.Shutdown() }

// onNode records a warning on the node: about a pod that has no object any more.
func (e *events) onNode(name, reason, message string) {
	// The UID of a node in events is its name, as kubelets have always written it.
	e.recorder.Event(&v1.ObjectReference{Kind: "Node", Name: name, UID: types.UID(name)}, v1.EventTypeWarning, reason, message)
}

// record records an event on the pod, or on its container if one is named. What is left of a pod that nobody desires has no
// object to record on.
func (e *events) record(pod *v1.Pod, container, eventType, reason, message string) {
	if pod.Spec.NodeName == "" {
		return
	}
	ref, err := reference.GetReference(scheme.Scheme, pod)
	if err != nil {
		klog.FromContext(e.ctx).Error(err, "Could not refer to pod in an event", "pod", klog.KObj(pod), "reason", reason)
		return
	}
	if container != "" {
		ref.FieldPath = pods.FieldPath(pod, container)
	}
	e.recorder.Event(ref, eventType, reason, message)
}
