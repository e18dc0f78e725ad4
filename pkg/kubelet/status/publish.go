package status

import (
	"context"
	"encoding/json"
	"fmt"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/client-go/kubernetes"
)

// Publisher writes pod statuses to the API.
type Publisher struct{ Client kubernetes.Interface }

// Changed says whether the API has to be told.
func Changed(known, wanted *v1.PodStatus) bool { return !equality.Semantic.DeepEqual(known, wanted) }

// Patch is the strategic merge patch from the known to the wanted status. It carries the UID, so that a pod of the same name
// made since is not touched.
func Patch(uid types.UID, known, wanted *v1.PodStatus) ([]byte, error) {
	before, err := json.Marshal(v1.Pod{Status: *known})
	if err != nil {
		return nil, fmt.Errorf("encode known status: %w", err)
	}
	after, err := json.Marshal(v1.Pod{ObjectMeta: metav1.ObjectMeta{UID: uid}, Status: *wanted})
	if err != nil {
		return nil, fmt.Errorf("encode wanted status: %w", err)
	}
	patch, err := strategicpatch.CreateTwoWayMergePatch(before, after, v1.Pod{})
	if err != nil {
		return nil, fmt.Errorf("compute status patch: %w", err)
	}
	return patch, nil
}

// Publish brings the API from the status in pod to the wanted one and returns the pod as the API now has it. A pod that is
// gone, or was replaced, gives a not-found error.
func (p Publisher) Publish(ctx context.Context, pod *v1.Pod, wanted *v1.PodStatus) (*v1.Pod, error) {
	patch, err := Patch(pod.UID, &pod.Status, wanted)
	if err != nil {
		return nil, err
	}
	updated, err := p.Client.CoreV1().Pods(pod.Namespace).Patch(ctx, pod.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status")
	if err != nil {
		// A wrong UID is a conflict that no retry mends; the read tells it from others.
		if apierrors.IsConflict(err) {
			return nil, p.explainConflict(ctx, pod, err)
		}
		return nil, fmt.Errorf("patch status: %w", err)
	}
	// The copy is small; who owns the answer depends on the client.
	kept := *updated
	kept.ManagedFields = nil
	return &kept, nil
}

func (p Publisher) explainConflict(ctx context.Context, pod *v1.Pod, conflict error) error {
	current, err := p.Client.CoreV1().Pods(pod.Namespace).Get(ctx, pod.Name, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("read pod after a conflict: %w", err)
	}
	if current.UID != pod.UID {
		return apierrors.NewNotFound(v1.Resource("pods"), pod.Name)
	}
	return fmt.Errorf("patch status: %w", conflict)
}

// Delete removes the pod's object at once: its node has nothing of it left.
func (p Publisher) Delete(ctx context.Context, pod *v1.Pod) error {
	now := int64(0)
	err := p.Client.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name, metav1.DeleteOptions{
		GracePeriodSeconds: &now, Preconditions: &metav1.Preconditions{UID: &pod.UID},
	})
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("delete pod: %w", err)
	}
	return nil
}
