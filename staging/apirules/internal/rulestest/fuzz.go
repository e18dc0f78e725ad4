package rulestest

import (
	"math/rand"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/randfill"
)

// rounds is how many random objects of a kind are tried.
const rounds = 300

// Rules are the functions of a kind that random objects are given to; unused ones are nil.
type Rules[T any] struct {
	Normalize, Default func(*T)
	Validate           func(*T) field.ErrorList
	Update             []func(newObj, old *T) field.ErrorList
	Prepare            []func(newObj, old *T)
	Warnings           func(newObj, old *T) []string
}

// object is a pointer to T that can be copied.
type object[T any] interface {
	*T
	DeepCopyObject() runtime.Object
}

// Fuzz fills objects at random, sparsely and richly, and fails when a function panics, or when Normalize or Default
// change an object that they have been applied to already.
func Fuzz[T any, P object[T]](t *testing.T, r Rules[T]) {
	t.Helper()
	f := filler()
	for range rounds {
		obj, old := new(T), new(T)
		f.Fill(obj)
		f.Fill(old)
		idempotent[T, P](t, "Normalize", r.Normalize, obj)
		idempotent[T, P](t, "SetDefaults", r.Default, obj)
		idempotent[T, P](t, "Normalize after SetDefaults", r.Normalize, obj)
		exercise[T, P](r, obj, old)
		if t.Failed() {
			return
		}
	}
}

func idempotent[T any, P object[T]](t *testing.T, name string, change func(*T), obj *T) {
	t.Helper()
	if change == nil {
		return
	}
	change(obj)
	once := P(obj).DeepCopyObject().(P)
	change(obj)
	if diff := cmp.Diff((*T)(once), obj); diff != "" {
		t.Errorf("%s changes an object twice (-once +twice):\n%s", name, diff)
	}
}

func exercise[T any, P object[T]](r Rules[T], obj, old *T) {
	if r.Validate != nil {
		r.Validate(obj)
	}
	for _, update := range r.Update {
		update(obj, old)
		update(obj, (*T)(P(obj).DeepCopyObject().(P)))
	}
	for _, prepare := range r.Prepare {
		prepare((*T)(P(obj).DeepCopyObject().(P)), old)
	}
	if r.Warnings != nil {
		r.Warnings(obj, nil)
		r.Warnings(obj, old)
	}
}

// filler makes values that can be stored: strings are often words of the API, quantities are numbers.
func filler() *randfill.Filler {
	words := []string{"", "a", "None", "Always", "Never", "v1", "10.0.0.1", "::1", "1.2.3.4/8", "25%", "-1%", "..", "/", "a/b",
		"latest", "Localhost", "ClientIP", "LoadBalancer", "NodePort", "ExternalName", "ClusterIP", "Exists", "In", "Indexed",
		"RollingUpdate", "metadata.labels['x']", "hugepages-2Mi", "hugepages-0", "hugepages-", "cpu", "* * * * *", "TZ=", "0,2-1", "Container"}
	return randfill.NewWithSeed(1).NilChance(.5).NumElements(0, 2).MaxDepth(100).Funcs(
		func(s *string, c randfill.Continue) {
			if c.Bool() {
				*s = words[c.Intn(len(words))]
				return
			}
			b := make([]byte, c.Intn(8))
			for i := range b {
				b[i] = byte(' ' + c.Intn(95))
			}
			*s = string(b)
		},
		func(q *resource.Quantity, c randfill.Continue) {
			*q = *resource.NewMilliQuantity(rand.New(rand.NewSource(int64(c.Uint64()))).Int63n(4000)-1000, resource.DecimalSI)
			_ = q.String() // as decoded ones have it
		},
		func(i *intstr.IntOrString, c randfill.Continue) {
			if c.Bool() {
				*i = intstr.FromInt32(int32(c.Intn(5) - 1))
				return
			}
			*i = intstr.FromString(words[c.Intn(len(words))])
		},
		func(m *metav1.Time, c randfill.Continue) { *m = metav1.Unix(int64(c.Intn(1e9)), 0) },
		func(m *metav1.MicroTime, c randfill.Continue) {
			*m = metav1.MicroTime{Time: time.Unix(int64(c.Intn(1e9)), 0)}
		},
		func(r *runtime.RawExtension, c randfill.Continue) { *r = runtime.RawExtension{Raw: []byte(`{}`)} },
		func(f *metav1.FieldsV1, c randfill.Continue) { *f = metav1.FieldsV1{Raw: []byte(`{}`)} },
	)
}
