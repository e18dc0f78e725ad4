package status

import (
	"context"
	"errors"
	"testing"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
)

// TestPublisher: only reading the pod tells what a refused write means.
func TestPublisher(t *testing.T) {
	missingNamespace := apierrors.NewNotFound(v1.Resource("namespaces"), "ns")
	missingPod := apierrors.NewNotFound(v1.Resource("pods"), "p")
	conflict := apierrors.NewConflict(v1.Resource("pods"), "p", errors.New("it differs"))
	forbidden := apierrors.NewForbidden(v1.Resource("pods"), "p", errors.New("no"))
	for _, tc := range []struct {
		name string
		// stored is the UID of the pod in the API, "" for none.
		stored types.UID
		answer error
		gone   bool
		// refused: the status, not the pod, is what the API does not take.
		refused bool
	}{
		{name: "taken", stored: "u"},
		{name: "no pod", answer: missingPod, gone: true},
		{name: "no namespace, but the pod is there", stored: "u", answer: missingNamespace, refused: true},
		{name: "no namespace and no pod", answer: missingNamespace, gone: true},
		{name: "another pod of that name", stored: "u2", answer: conflict, gone: true},
		{name: "a conflict that passes", stored: "u", answer: conflict},
		{name: "forbidden", stored: "u", answer: forbidden, refused: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			client := fake.NewClientset()
			if tc.stored != "" {
				stored := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p", Namespace: "ns", UID: tc.stored}}
				if err := client.Tracker().Add(stored); err != nil {
					t.Fatal(err)
				}
			}
			if tc.answer != nil {
				refuse := func(clienttesting.Action) (bool, runtime.Object, error) { return true, nil, tc.answer }
				client.PrependReactor("patch", "pods", refuse)
				client.PrependReactor("delete", "pods", refuse)
			}
			p := Publisher{Client: client}
			known := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p", Namespace: "ns", UID: "u"}}
			_, err := p.Publish(context.Background(), known, &v1.PodStatus{Phase: v1.PodRunning})
			if got := errors.Is(err, ErrGone); got != tc.gone {
				t.Errorf("publish says gone=%v, want %v: %v", got, tc.gone, err)
			}
			if got := Refused(err); got != tc.refused {
				t.Errorf("publish says refused=%v, want %v: %v", got, tc.refused, err)
			}
			if !tc.gone && (err == nil) != (tc.answer == nil) {
				t.Errorf("publish gave %v, the API answered %v", err, tc.answer)
			}
			err = p.Delete(context.Background(), known)
			if got := errors.Is(err, ErrGone); got != tc.gone {
				t.Errorf("delete says gone=%v, want %v: %v", got, tc.gone, err)
			}
			if !tc.gone && (err == nil) != (tc.answer == nil) {
				t.Errorf("delete gave %v, the API answered %v", err, tc.answer)
			}
		})
	}
}

func TestRepeats(t *testing.T) {
	condition := func(kind v1.PodConditionType, status v1.ConditionStatus, at int64) v1.PodCondition {
		return v1.PodCondition{Type: kind, Status: status, LastTransitionTime: metav1.Unix(at, 0)}
	}
	last := &v1.PodStatus{Phase: v1.PodRunning, Conditions: []v1.PodCondition{
		condition(v1.PodReady, v1.ConditionTrue, 1), condition("example.com/gate", v1.ConditionFalse, 1), condition(v1.PodInitialized, v1.ConditionTrue, 1),
	}}
	for _, tc := range []struct {
		name   string
		change func(*v1.PodStatus)
		want   bool
	}{
		{"nothing", func(*v1.PodStatus) {}, true},
		{"time of a transition", func(s *v1.PodStatus) { s.Conditions[0].LastTransitionTime = metav1.Unix(2, 0) }, true},
		{"condition of another", func(s *v1.PodStatus) { s.Conditions[1].Status = v1.ConditionTrue }, true},
		{"order", func(s *v1.PodStatus) { s.Conditions[0], s.Conditions[2] = s.Conditions[2], s.Conditions[0] }, true},
		{"own condition", func(s *v1.PodStatus) { s.Conditions[0].Status = v1.ConditionFalse }, false},
		{"own condition gone", func(s *v1.PodStatus) { s.Conditions = s.Conditions[1:] }, false},
		{"phase", func(s *v1.PodStatus) { s.Phase = v1.PodFailed }, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			wanted := last.DeepCopy()
			tc.change(wanted)
			if got := Repeats(last, wanted); got != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}
