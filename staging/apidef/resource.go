package apidef

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/registry/generic"
	"k8s.io/apiserver/pkg/registry/rest"
)

// Object is a pointer to the Go type T of a kind.
type Object[T any] interface {
	*T
	metav1.Object
	runtime.Object
}

// Definition is a Resource of whatever type: what a server needs to know of it.
type Definition interface {
	// Names returns what the resource is called.
	Names() Names
	// AddToScheme registers the kind, its hub version and its spokes.
	AddToScheme(*runtime.Scheme) error
	// NewStorage returns the storage of the resource and of its subresources.
	NewStorage(*runtime.Scheme, generic.RESTOptionsGetter) (*Storage, error)
	// Table returns the converter of this kind to tables.
	Table() rest.TableConvertor
}

// Names is what a resource is called.
type Names struct {
	Kind             schema.GroupVersionKind // the hub version, which is the one in storage
	Plural, Singular string
	ShortNames       []string
	Categories       []string // "all" for instance
	ClusterScoped    bool
	// StoragePrefix is the directory below the storage root; the plural name if empty.
	StoragePrefix string
	// Spokes are further versions in which the kind is served.
	Spokes []Spoke
}

// Resource returns the group and plural name.
func (n Names) Resource() schema.GroupResource {
	return schema.GroupResource{Group: n.Kind.Group, Resource: n.Plural}
}

// Prefix returns the directory of the resource below the storage root.
func (n Names) Prefix() string {
	if n.StoragePrefix != "" {
		return n.StoragePrefix
	}
	return n.Plural
}

// A Spoke is a further version (or group) in which a kind is served, converted from and to the hub.
type Spoke struct {
	Kind schema.GroupVersionKind
	// AddToScheme registers the spoke's types, defaults and the conversions to and from the hub.
	AddToScheme func(*runtime.Scheme) error
	// FieldLabels maps the spoke's names of selectable fields to the hub's. The names are the same if nil.
	FieldLabels map[string]string
}

// Resource declares one API resource. Every hook may be nil. Hooks must not keep the objects that they are given, and
// only Normalize, Default and the Prepare hooks may change them.
type Resource[T any, P Object[T]] struct {
	Names
	NewList func() runtime.Object

	// Normalize brings different spellings of one thing into one form. It runs on decoding, before Default, and must be
	// idempotent.
	Normalize func(P)
	// Default fills in what was left out. It runs on decoding.
	Default func(P)

	// PrepareCreate sets what a client may not choose. Status has been emptied and Generation set before.
	PrepareCreate func(P)
	// Author records who creates the object, after PrepareCreate.
	Author func(P, user.Info)
	// PrepareUpdate takes from old what an update may not change without an error. Status has been taken from old before;
	// the generation is compared afterwards.
	PrepareUpdate func(new, old P)
	// Validate is asked on create and, if ValidateUpdate is nil, on update.
	Validate func(P) field.ErrorList
	// ValidateUpdate is asked on update in place of Validate, which it usually includes.
	ValidateUpdate func(new, old P) field.ErrorList
	// SpokeRules take the place of Validate and ValidateUpdate in requests of that version.
	SpokeRules map[schema.GroupVersion]Rules[P]
	// Warnings for the client; old is nil on create.
	Warnings func(new, old P) []string
	// CreateOnUpdate allows a PUT to create the object.
	CreateOnUpdate bool
	// ConditionalUpdate demands a resourceVersion in every update.
	ConditionalUpdate bool

	// Graceful decides the grace period of a deletion in options; false deletes at once.
	Graceful func(obj P, options *metav1.DeleteOptions) bool
	// Dependents says what becomes of dependents if the client does not say; rest.DeleteDependents if empty.
	Dependents rest.GarbageCollectionPolicy
	// ReturnDeleted answers a deletion with the object instead of a status.
	ReturnDeleted bool
	// TTL is the time, in seconds, after which storage drops the object; never if nil.
	TTL func(P) uint64

	// Spec is the part whose changes count metadata.generation up. Objects have no generation if nil.
	Spec Part[P]
	// Uncounted leaves metadata.generation empty although there is a Spec.
	Uncounted bool
	// Counts names further updates of the object, not of its subresources, that count metadata.generation up.
	Counts func(new, old P) bool
	// Status is the part that only the subresource status may change. There is no such subresource if nil.
	Status Part[P]
	// StatusOnCreate lets a create set the status.
	StatusOnCreate bool
	// ValidateStatus is asked when status is updated.
	ValidateStatus func(new, old P) field.ErrorList
	// StatusKeeps names what of the metadata an update of status leaves alone besides owners: "metadata" is all of it,
	// or "metadata.labels".
	StatusKeeps string
	// PrepareStatus adjusts an update of status; old's spec has been taken over before.
	PrepareStatus func(new, old P)
	// Scale serves the subresource scale, if not nil.
	Scale *Scale[P]
	// Subresources are further views of the object.
	Subresources []Subresource[P]

	// Columns of a table of this kind, besides namespace.
	Columns []Column[P]
	// RowConditions mark a row of the table, as clients that filter rows expect it.
	RowConditions func(P) []metav1.TableRowCondition
	// Fields that can be selected by, besides metadata.name and metadata.namespace.
	Fields map[string]func(P) string
	// Indexed names the field that the watch cache keeps an index and watch triggers for: one of Fields, or
	// "metadata.name", which needs no index.
	Indexed string
}

// Rules are those of one version of a kind.
type Rules[P any] struct {
	Validate       func(P) field.ErrorList
	ValidateUpdate func(new, old P) field.ErrorList
}

// A Subresource is a view of the whole object through which some of it may be changed: status is one, approval another.
type Subresource[P any] struct {
	Name string
	// Prepare makes new the object to store: it takes everything from old that may not be changed by this way.
	Prepare func(new, old P)
	// Validate is asked after Prepare.
	Validate func(new, old P) field.ErrorList
	// Resets are the fields that this subresource leaves alone, as server-side apply has to know: "spec", "status.phase".
	Resets []string
	// WriteOnly serves the verb update and neither get nor patch.
	WriteOnly bool
}

// Define returns the resource as a Definition.
func (r *Resource[T, P]) Define() Definition { return definition[T, P]{r} }

// definition gives Resource the method Names, which is also the name of its field.
type definition[T any, P Object[T]] struct{ r *Resource[T, P] }

func (d definition[T, P]) Names() Names { return d.r.Names }

func (d definition[T, P]) AddToScheme(s *runtime.Scheme) error { return d.r.addToScheme(s) }

func (d definition[T, P]) NewStorage(s *runtime.Scheme, g generic.RESTOptionsGetter) (*Storage, error) {
	return d.r.newStorage(s, g)
}

func (d definition[T, P]) Table() rest.TableConvertor { return table[T, P]{d.r} }
