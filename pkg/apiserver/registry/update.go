package registry

import (
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/storage"
	storageerrors "k8s.io/apiserver/pkg/storage/errors"
	"k8s.io/apiserver/pkg/util/dryrun"
)

// simpleUpdate changes an object in storage by a function of it; the function's errors are conflicts with the object's
// state.
func simpleUpdate[P runtime.Object](change func(P) error) storage.UpdateFunc {
	return storage.SimpleUpdate(func(obj runtime.Object) (runtime.Object, error) {
		p, ok := obj.(P)
		if !ok {
			return nil, fmt.Errorf("update object in storage: got a %T", obj)
		}
		return obj, change(p)
	})
}

func dryRun(options []string) bool { return dryrun.IsDryRun(options) }

func storagePreconditions(p *metav1.Preconditions) *storage.Preconditions {
	if p == nil {
		return nil
	}
	return &storage.Preconditions{UID: p.UID, ResourceVersion: p.ResourceVersion}
}

// storageError turns an error of storage, or of a change that the object's state does not allow, into the API's.
func storageError(err error, resource schema.GroupResource, name string) error {
	err = storageerrors.InterpretUpdateError(err, resource, name)
	if _, ok := err.(*apierrors.StatusError); !ok {
		return apierrors.NewConflict(resource, name, err)
	}
	return err
}
