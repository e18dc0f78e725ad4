package registry

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/registry/rest"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/proa-sh/proa/staging/apidef"
)

// addNamespaces replaces the storage of namespaces by one whose objects go only when their content has gone.
func addNamespaces(_ context.Context, d *Dependencies, served Served) error {
	store, err := d.store("", "namespaces")
	if err != nil {
		return err
	}
	served.add("", "v1", "namespaces", Namespaces(store))
	return nil
}

// Namespaces serves the declared store of namespaces: a deletion begins by marking, and the last finalizer of the spec ends it.
func Namespaces(store *genericregistry.Store) rest.Storage {
	store.ShouldDeleteDuringUpdate = func(ctx context.Context, key string, obj, existing runtime.Object) bool {
		n, ok := obj.(*corev1.Namespace)
		return ok && len(n.Spec.Finalizers) == 0 && genericregistry.ShouldDeleteDuringUpdate(ctx, key, obj, existing)
	}
	return &namespaceStore{store}
}

// namespaceStore has every verb of a store but deletecollection.
type namespaceStore struct{ store *genericregistry.Store }

var _ interface {
	rest.Getter
	rest.Lister
	rest.Watcher
	rest.CreaterUpdater
	rest.GracefulDeleter
	rest.ShortNamesProvider
	rest.SingularNameProvider
	rest.ResetFieldsStrategy
} = (*namespaceStore)(nil)

func (s *namespaceStore) New() runtime.Object     { return s.store.New() }
func (s *namespaceStore) NewList() runtime.Object { return s.store.NewList() }
func (s *namespaceStore) Destroy()                { s.store.Destroy() }
func (s *namespaceStore) NamespaceScoped() bool   { return false }
func (s *namespaceStore) GetSingularName() string { return "namespace" }
func (s *namespaceStore) ShortNames() []string    { return []string{"ns"} }

func (s *namespaceStore) Delete(ctx context.Context, name string, validate rest.ValidateObjectFunc, options *metav1.DeleteOptions) (runtime.Object, bool, error) {
	namespace, err := read[*corev1.Namespace](ctx, s.store, name)
	if err != nil {
		return nil, false, err
	}
	if options == nil {
		options = metav1.NewDeleteOptions(0)
	}
	if options.Preconditions == nil {
		options.Preconditions = &metav1.Preconditions{}
	}
	// All that follows is about the namespace that was just read.
	if p := options.Preconditions; p.UID == nil {
		p.UID = &namespace.UID
	} else if *p.UID != namespace.UID {
		return nil, false, apierrors.NewConflict(corev1.Resource("namespaces"), name,
			fmt.Errorf("precondition failed: UID in precondition: %v, UID in object meta: %v", *p.UID, namespace.UID))
	}
	if p := options.Preconditions; p.ResourceVersion != nil && *p.ResourceVersion != namespace.ResourceVersion {
		return nil, false, apierrors.NewConflict(corev1.Resource("namespaces"), name,
			fmt.Errorf("precondition failed: ResourceVersion in precondition: %v, ResourceVersion in object meta: %v", *p.ResourceVersion, namespace.ResourceVersion))
	}
	if namespace.DeletionTimestamp == nil {
		terminating, err := s.terminate(ctx, name, validate, options)
		return terminating, false, err
	}
	if len(namespace.Spec.Finalizers) > 0 {
		return namespace, false, nil
	}
	return s.store.Delete(ctx, name, validate, options)
}

// terminate marks a namespace as going, upon which its controller empties it.
func (s *namespaceStore) terminate(ctx context.Context, name string, validate rest.ValidateObjectFunc, options *metav1.DeleteOptions) (runtime.Object, error) {
	key, err := s.store.KeyFunc(ctx, name)
	if err != nil {
		return nil, err
	}
	out := s.store.NewFunc()
	err = s.store.Storage.GuaranteedUpdate(ctx, key, out, false, storagePreconditions(options.Preconditions), simpleUpdate(func(n *corev1.Namespace) error {
		if validate != nil {
			if err := validate(ctx, n); err != nil {
				return err
			}
		}
		if n.DeletionTimestamp == nil {
			now := metav1.Now()
			n.DeletionTimestamp = &now
		}
		n.Status.Phase = corev1.NamespaceTerminating
		n.Finalizers = dependentsFinalizers(n.Finalizers, options)
		return nil
	}), dryRun(options.DryRun), nil)
	if err != nil {
		return nil, storageError(err, corev1.Resource("namespaces"), name)
	}
	return out, nil
}

// dependentsFinalizers replaces those of metav1 that say what becomes of an object's dependents.
func dependentsFinalizers(finalizers []string, options *metav1.DeleteOptions) []string {
	if options.PropagationPolicy == nil {
		return finalizers
	}
	var out []string
	for _, f := range finalizers {
		if f != metav1.FinalizerOrphanDependents && f != metav1.FinalizerDeleteDependents {
			out = append(out, f)
		}
	}
	switch *options.PropagationPolicy {
	case metav1.DeletePropagationOrphan:
		out = append(out, metav1.FinalizerOrphanDependents)
	case metav1.DeletePropagationForeground:
		out = append(out, metav1.FinalizerDeleteDependents)
	}
	return out
}

func (s *namespaceStore) Get(ctx context.Context, name string, o *metav1.GetOptions) (runtime.Object, error) {
	return s.store.Get(ctx, name, o)
}

func (s *namespaceStore) List(ctx context.Context, o *internalversion.ListOptions) (runtime.Object, error) {
	return s.store.List(ctx, o)
}

func (s *namespaceStore) Watch(ctx context.Context, o *internalversion.ListOptions) (watch.Interface, error) {
	return s.store.Watch(ctx, o)
}

func (s *namespaceStore) Create(ctx context.Context, obj runtime.Object, validate rest.ValidateObjectFunc, o *metav1.CreateOptions) (runtime.Object, error) {
	return s.store.Create(ctx, obj, validate, o)
}

func (s *namespaceStore) Update(ctx context.Context, name string, info rest.UpdatedObjectInfo, create rest.ValidateObjectFunc, update rest.ValidateObjectUpdateFunc, force bool, o *metav1.UpdateOptions) (runtime.Object, bool, error) {
	return s.store.Update(ctx, name, apidef.Unchanged(info), create, update, force, o)
}

func (s *namespaceStore) ConvertToTable(ctx context.Context, o, options runtime.Object) (*metav1.Table, error) {
	return s.store.ConvertToTable(ctx, o, options)
}

func (s *namespaceStore) GetResetFields() map[fieldpath.APIVersion]*fieldpath.Set {
	return s.store.GetResetFields()
}
