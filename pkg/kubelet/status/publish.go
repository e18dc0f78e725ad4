package status

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

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

// Repeats says that wanted tells nothing that the kubelet did not tell last: what it has that the API has not is then somebody
// else's doing. Conditions of others and the times of transitions do not count.
func Repeats(last, wanted *v1.PodStatus) bool {
	return equality.Semantic.DeepEqual(ownPart(last), ownPart(wanted))
}

func ownPart(s *v1.PodStatus) *v1.PodStatus {
	own := *s
	own.Conditions = nil
	for _, c := range s.Conditions {
		if ownConditions.Has(c.Type) {
			c.LastTransitionTime, c.LastProbeTime = metav1.Time{}, metav1.Time{}
			own.Conditions = append(own.Conditions, c)
		}
	}
	slices.SortFunc(own.Conditions, func(a, b v1.PodCondition) int { return strings.Compare(string(a.Type), string(b.Type)) })
	return &own
}

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

// ErrGone says that the pod's object is no longer in the API, or that another one has its name.
var ErrGone = errors.New("pod is gone")

// Publish brings the API from the status in pod to the wanted one and returns the pod as the API now has it. It gives
// ErrGone for a pod that is gone or was replaced.
func (p Publisher) Publish(ctx context.Context, pod *v1.Pod, wanted *v1.PodStatus) (*v1.Pod, error) {
	patch, err := Patch(pod.UID, &pod.Status, wanted)
	if err != nil {
		return nil, err
	}
	updated, err := p.Client.CoreV1().Pods(pod.Namespace).Patch(ctx, pod.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status")
	if err != nil {
		return nil, p.explain(ctx, pod, fmt.Errorf("patch status: %w", err))
	}
	// The copy is small; who owns the answer depends on the client.
	kept := *updated
	kept.ManagedFields = nil
	return &kept, nil
}

// explain tells whether a failed write means that the pod is gone. A conflict may be a wrong UID, which no retry mends; and
// not every not-found is about the pod: admission answers so for a namespace that is missing while its pods still end. Only
// reading the pod tells.
func (p Publisher) explain(ctx context.Context, pod *v1.Pod, failure error) error {
	if !apierrors.IsConflict(failure) && !apierrors.IsNotFound(failure) {
		return failure
	}
	current, err := p.Client.CoreV1().Pods(pod.Namespace).Get(ctx, pod.Name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return ErrGone
	case err != nil:
		return errors.Join(failure, fmt.Errorf("read pod to explain the failure: %w", err))
	case current.UID != pod.UID:
		return ErrGone
	}
	return failure
}

// Refused says that the API understood and does not take the status: waiting alone does not mend that.
func Refused(err error) bool {
	return apierrors.IsNotFound(err) || apierrors.IsForbidden(err) || apierrors.IsInvalid(err)
}

// Delete removes the pod's object at once: its node has nothing of it left. It gives ErrGone when that had happened before.
func (p Publisher) Delete(ctx context.Context, pod *v1.Pod) error {
	now := int64(0)
	err := p.Client.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name, metav1.DeleteOptions{
		GracePeriodSeconds: &now, Preconditions: &metav1.Preconditions{UID: &pod.UID},
	})
	if err != nil {
		return p.explain(ctx, pod, fmt.Errorf("delete pod: %w", err))
	}
	return nil
}
