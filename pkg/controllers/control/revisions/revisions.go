package revisions

import (
	"bytes"
	"cmp"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strconv"
	"strings"

	apps "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/json" // keeps integers of 64 bits whole, which the standard library rounds
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
)

// HashLabel is on revisions, and on the pods made from them.
const HashLabel = apps.ControllerRevisionHashLabelKey

// Owner is the object whose templates are kept.
type Owner struct {
	Object metav1.Object
	Kind   schema.GroupVersionKind
	// Template is its template now, Labels those that its revisions get.
	Template *v1.PodTemplateSpec
	Labels   map[string]string
	// Collisions is how many names of revisions were taken.
	Collisions *int32
	// HashLabel is the label of revisions that holds their hash; empty means the package's.
	HashLabel string
}

// Patch is the content of a revision of template.
func Patch(template *v1.PodTemplateSpec) ([]byte, error) {
	encoded, err := json.Marshal(template)
	if err != nil {
		return nil, fmt.Errorf("encode pod template: %w", err)
	}
	fields := map[string]any{}
	if err := json.Unmarshal(encoded, &fields); err != nil {
		return nil, fmt.Errorf("decode pod template: %w", err)
	}
	fields["$patch"] = "replace"
	patch, err := json.Marshal(map[string]any{"spec": map[string]any{"template": fields}})
	if err != nil {
		return nil, fmt.Errorf("encode revision: %w", err)
	}
	return patch, nil
}

// New makes the revision of the owner's template with a number.
func New(owner Owner, number int64) (*apps.ControllerRevision, error) {
	patch, err := Patch(owner.Template)
	if err != nil {
		return nil, err
	}
	revision := &apps.ControllerRevision{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: owner.Object.GetNamespace(), Labels: maps.Clone(owner.Labels), Annotations: map[string]string{},
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(owner.Object, owner.Kind)},
		},
		Data: runtime.RawExtension{Raw: patch}, Revision: number,
	}
	for name, value := range owner.Object.GetAnnotations() {
		if name != v1.LastAppliedConfigAnnotation {
			revision.Annotations[name] = value
		}
	}
	hash := hashOf(patch, owner.Collisions)
	if revision.Labels == nil {
		revision.Labels = map[string]string{}
	}
	revision.Labels[cmp.Or(owner.HashLabel, HashLabel)] = hash
	// The hash must fit into a name of 253 characters.
	name := owner.Object.GetName()
	if longest := 223; len(name) > longest {
		name = name[:longest]
	}
	revision.Name = name + "-" + hash
	return revision, nil
}

// hashOf names a patch. collisions makes it another when the first was taken.
func hashOf(patch []byte, collisions *int32) string {
	hash := fnv.New32a()
	hash.Write(patch)
	if collisions != nil {
		fmt.Fprint(hash, *collisions)
	}
	return rand.SafeEncodeString(strconv.FormatUint(uint64(hash.Sum32()), 10))
}

// Same says whether two revisions put back the same template.
func Same(a, b *apps.ControllerRevision) bool {
	if bytes.Equal(a.Data.Raw, b.Data.Raw) {
		return true
	}
	var one, other any
	if json.Unmarshal(a.Data.Raw, &one) != nil || json.Unmarshal(b.Data.Raw, &other) != nil {
		return false
	}
	x, errX := json.Marshal(one)
	y, errY := json.Marshal(other)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

// Sort orders revisions by number, then by age and name.
func Sort(all []*apps.ControllerRevision) []*apps.ControllerRevision {
	return slices.SortedFunc(slices.Values(all), func(a, b *apps.ControllerRevision) int {
		return cmp.Or(cmp.Compare(a.Revision, b.Revision), a.CreationTimestamp.Time.Compare(b.CreationTimestamp.Time), strings.Compare(a.Name, b.Name))
	})
}

// Step is what must be done so that the newest revision is that of the owner's template.
type Step struct {
	// Newest is the revision of the owner's template.
	Newest *apps.ControllerRevision
	// Create says that Newest is not there yet; Renumber that it is, with a number that is no longer the highest, and
	// that Newest is a changed copy.
	Create, Renumber bool
}

// Next decides the step.
func Next(owner Owner, existing []*apps.ControllerRevision) (Step, error) {
	sorted := Sort(existing)
	number := int64(1)
	if len(sorted) > 0 {
		number = sorted[len(sorted)-1].Revision + 1
	}
	fresh, err := New(owner, number)
	if err != nil {
		return Step{}, err
	}
	for i := len(sorted) - 1; i >= 0; i-- {
		if !Same(sorted[i], fresh) {
			continue
		}
		if i == len(sorted)-1 {
			return Step{Newest: sorted[i]}, nil
		}
		again := sorted[i].DeepCopy()
		again.Revision = number
		return Step{Newest: again, Renumber: true}, nil
	}
	return Step{Newest: fresh, Create: true}, nil
}

// Forgotten are the revisions beyond limit that live says nobody uses, oldest first. A negative limit, which a StatefulSet may
// have, keeps all.
func Forgotten(existing []*apps.ControllerRevision, limit int, live func(*apps.ControllerRevision) bool) []*apps.ControllerRevision {
	if limit < 0 {
		return nil
	}
	var unused []*apps.ControllerRevision
	for _, revision := range Sort(existing) {
		if !live(revision) {
			unused = append(unused, revision)
		}
	}
	return unused[:max(len(unused)-limit, 0)]
}

// Apply puts the template of a revision into a copy of object, which is a *T.
func Apply[T any](object *T, revision *apps.ControllerRevision) (*T, error) {
	before, err := json.Marshal(object)
	if err != nil {
		return nil, fmt.Errorf("encode object: %w", err)
	}
	after, err := strategicpatch.StrategicMergePatch(before, revision.Data.Raw, object)
	if err != nil {
		return nil, fmt.Errorf("apply revision %q: %w", revision.Name, err)
	}
	restored := new(T)
	if err := json.Unmarshal(after, restored); err != nil {
		return nil, fmt.Errorf("decode object: %w", err)
	}
	return restored, nil
}
