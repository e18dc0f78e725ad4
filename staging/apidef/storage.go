package apidef

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/registry/generic"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/apiserver/pkg/storage"
	"k8s.io/apiserver/pkg/storage/names"
	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// Storage of a resource.
type Storage struct {
	// Store is the object's registry. A server may set its Begin and After hooks before it serves.
	Store *genericregistry.Store
	// Served are the resource and its subresources by path, such as pods and pods/status.
	Served map[string]rest.Storage
}

func (r *Resource[T, P]) newStorage(s *runtime.Scheme, options generic.RESTOptionsGetter) (*Storage, error) {
	base := &strategy[T, P]{ObjectTyper: s, NameGenerator: names.SimpleNameGenerator, r: r}
	store := &genericregistry.Store{
		NewFunc:                   func() runtime.Object { return P(new(T)) },
		NewListFunc:               r.NewList,
		DefaultQualifiedResource:  r.Resource(),
		SingularQualifiedResource: schema.GroupResource{Group: r.Kind.Group, Resource: r.Singular},
		PredicateFunc:             r.predicate,
		CreateStrategy:            base,
		UpdateStrategy:            base,
		DeleteStrategy:            base,
		ResetFieldsStrategy:       base,
		ReturnDeletedObject:       r.ReturnDeleted,
		TableConvertor:            table[T, P]{r},
	}
	if r.Graceful != nil {
		store.DeleteStrategy = gracefulStrategy[T, P]{base}
	}
	if r.TTL != nil {
		store.TTLFunc = func(o runtime.Object, _ uint64, _ bool) (uint64, error) { return r.TTL(o.(P)), nil }
	}
	if err := store.CompleteWithOptions(r.storeOptions(options)); err != nil {
		return nil, fmt.Errorf("open storage of %s: %w", r.Resource(), err)
	}
	out := &Storage{Store: store, Served: map[string]rest.Storage{r.Plural: namedStore{store, r.Names}}}
	for _, view := range r.views() {
		out.Served[r.Plural+"/"+view.Name] = newView(store, &viewStrategy[T, P]{base, view})
	}
	if r.Scale != nil {
		out.Served[r.Plural+"/scale"] = newScale(r, store)
	}
	return out, nil
}

// nameField can be selected by in every kind.
const nameField = "metadata.name"

// storeOptions tells the watch cache how to read and index objects.
func (r *Resource[T, P]) storeOptions(options generic.RESTOptionsGetter) *generic.StoreOptions {
	out := &generic.StoreOptions{RESTOptions: withTexts[T](options), AttrFunc: r.attributes}
	if r.Indexed == nameField {
		out.TriggerFunc = map[string]storage.IndexerFunc{nameField: func(o runtime.Object) string { return o.(P).GetName() }}
	}
	if value, ok := r.Fields[r.Indexed]; ok {
		out.TriggerFunc = map[string]storage.IndexerFunc{r.Indexed: func(o runtime.Object) string { return value(o.(P)) }}
		out.Indexers = &cache.Indexers{storage.FieldIndex(r.Indexed): func(o any) ([]string, error) {
			p, ok := o.(P)
			if !ok {
				return nil, fmt.Errorf("index %s: got a %T", r.Resource(), o)
			}
			return []string{value(p)}, nil
		}}
	}
	return out
}

func (r *Resource[T, P]) predicate(label labels.Selector, field fields.Selector) storage.SelectionPredicate {
	p := storage.SelectionPredicate{Label: label, Field: field, GetAttrs: r.attributes}
	if r.Indexed != "" && r.Indexed != nameField {
		p.IndexFields = []string{r.Indexed}
	}
	return p
}

func (r *Resource[T, P]) attributes(obj runtime.Object) (labels.Set, fields.Set, error) {
	p, ok := obj.(P)
	if !ok {
		return nil, nil, fmt.Errorf("read attributes of %s: got a %T", r.Kind.Kind, obj)
	}
	set := make(fields.Set, len(r.Fields)+2)
	set[nameField] = p.GetName()
	if !r.ClusterScoped {
		set["metadata.namespace"] = p.GetNamespace()
	}
	for name, value := range r.Fields {
		set[name] = value(p)
	}
	return p.GetLabels(), set, nil
}

// views returns all whole-object subresources, status first.
func (r *Resource[T, P]) views() []Subresource[P] {
	if r.Status == nil {
		return r.Subresources
	}
	status := Subresource[P]{
		Name: "status",
		Prepare: func(new, old P) {
			if r.Spec != nil {
				r.Spec.Copy(new, old)
			}
			new.SetDeletionTimestamp(nil)
			new.SetOwnerReferences(old.GetOwnerReferences())
			r.keepMeta(new, old)
			if r.PrepareStatus != nil {
				r.PrepareStatus(new, old)
			}
		},
		Validate: r.ValidateStatus,
		Resets:   []string{"spec"},
	}
	if r.StatusKeeps != "" {
		status.Resets = append(status.Resets, r.StatusKeeps)
	}
	return append([]Subresource[P]{status}, r.Subresources...)
}

// keepMeta takes from old what StatusKeeps names.
func (r *Resource[T, P]) keepMeta(new, old P) {
	switch r.StatusKeeps {
	case "metadata":
		new.SetLabels(old.GetLabels())
		new.SetAnnotations(old.GetAnnotations())
		new.SetFinalizers(old.GetFinalizers())
	case "metadata.labels":
		new.SetLabels(old.GetLabels())
	}
}

// namedStore is a store with the names that discovery shows.
type namedStore struct {
	*genericregistry.Store
	names Names
}

func (s namedStore) Update(ctx context.Context, name string, info rest.UpdatedObjectInfo, create rest.ValidateObjectFunc, update rest.ValidateObjectUpdateFunc, force bool, o *metav1.UpdateOptions) (runtime.Object, bool, error) {
	return s.Store.Update(ctx, name, Unchanged(info), create, update, force, o)
}

func (s namedStore) ShortNames() []string { return s.names.ShortNames }
func (s namedStore) Categories() []string { return s.names.Categories }

// view serves a whole-object subresource.
type view struct {
	main     *genericregistry.Store
	strategy interface {
		rest.RESTUpdateStrategy
		rest.ResetFieldsStrategy
	}
}

// patchableView is a view that can also be read and patched.
type patchableView struct{ view }

func newView[T any, P Object[T]](main *genericregistry.Store, s *viewStrategy[T, P]) rest.Storage {
	v := view{main, s}
	if s.view.WriteOnly {
		return v
	}
	return patchableView{v}
}

// store is the main store with the view's strategy. It is made when it is used, since a server may set hooks of the main
// store after the view was made.
func (v view) store() *genericregistry.Store {
	store := *v.main
	store.UpdateStrategy, store.ResetFieldsStrategy = v.strategy, v.strategy
	return &store
}

func (v view) New() runtime.Object { return v.main.New() }
func (v view) Destroy()            {}

// Update never creates: a view is of an object that exists.
func (v view) Update(ctx context.Context, name string, info rest.UpdatedObjectInfo, create rest.ValidateObjectFunc, update rest.ValidateObjectUpdateFunc, _ bool, o *metav1.UpdateOptions) (runtime.Object, bool, error) {
	return v.store().Update(ctx, name, Unchanged(info), create, update, false, o)
}

func (v view) GetResetFields() map[fieldpath.APIVersion]*fieldpath.Set {
	return v.strategy.GetResetFields()
}

func (v patchableView) Get(ctx context.Context, name string, o *metav1.GetOptions) (runtime.Object, error) {
	return v.main.Get(ctx, name, o)
}

func (v patchableView) ConvertToTable(ctx context.Context, o, options runtime.Object) (*metav1.Table, error) {
	return v.main.ConvertToTable(ctx, o, options)
}
