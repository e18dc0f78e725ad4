package revisions

import (
	"context"
	"fmt"

	apps "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/proa-sh/proa/pkg/controllers/control"
)

// Sync writes the step that makes the revision of the owner's template the newest. It returns that revision, and the new
// count of collisions when its name was taken by another, in which case there is no revision yet.
func Sync(ctx context.Context, client kubernetes.Interface, owner Owner, existing []*apps.ControllerRevision) (newest *apps.ControllerRevision, collisions *int32, err error) {
	step, err := Next(owner, existing)
	if err != nil {
		return nil, nil, err
	}
	revisions := client.AppsV1().ControllerRevisions(owner.Object.GetNamespace())
	switch {
	case step.Renumber:
		newest, err = control.Update(ctx, revisions, step.Newest)
		return newest, nil, err
	case !step.Create:
		return step.Newest, nil, nil
	}
	newest, err = control.Create(ctx, revisions, step.Newest)
	if !apierrors.IsAlreadyExists(err) {
		return newest, nil, err
	}
	other, err := revisions.Get(ctx, step.Newest.Name, metav1.GetOptions{})
	if err != nil {
		return nil, nil, fmt.Errorf("read revision that has the new one's name: %w", err)
	}
	if metav1.IsControlledBy(other, owner.Object) && Same(other, step.Newest) {
		control.Wrote(ctx, other)
		return other, nil, nil
	}
	count := int32(1)
	if owner.Collisions != nil {
		count = *owner.Collisions + 1
	}
	return nil, &count, nil
}
