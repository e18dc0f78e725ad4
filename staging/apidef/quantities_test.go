package apidef

import (
	"bytes"
	"fmt"
	"io"
	"math/rand"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/apitesting/fuzzer"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/resource"
	metafuzzer "k8s.io/apimachinery/pkg/apis/meta/fuzzer"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/runtime/serializer/cbor"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/randfill"
)

// encoders are those in which a server answers.
func encoders() map[string]runtime.Encoder {
	return map[string]runtime.Encoder{
		"json":     json.NewSerializerWithOptions(json.DefaultMetaFactory, scheme.Scheme, scheme.Scheme, json.SerializerOptions{}),
		"protobuf": protobuf.NewSerializer(scheme.Scheme, scheme.Scheme),
		"cbor":     cbor.NewSerializer(scheme.Scheme, scheme.Scheme),
	}
}

// filled returns an object of a kind with a value in every field, as storage has it.
func filled(t *testing.T, kind schema.GroupVersionKind) (stored []byte) {
	t.Helper()
	funcs := fuzzer.MergeFuzzerFuncs(metafuzzer.Funcs, func(serializer.CodecFactory) []any {
		return []any{
			func(q *resource.Quantity, c randfill.Continue) {
				*q = []resource.Quantity{resource.MustParse("1500m"), resource.MustParse("1Gi"), resource.MustParse("1e30")}[c.Intn(3)]
			},
			func(r *runtime.RawExtension, _ randfill.Continue) { r.Raw = []byte(`{"a":"b"}`) },
		}
	})
	obj, err := scheme.Scheme.New(kind)
	if err != nil {
		t.Fatal(err)
	}
	fuzzer.FuzzerFor(funcs, rand.NewSource(1), scheme.Codecs).NilChance(0).NumElements(1, 2).MaxDepth(50).Fill(obj)
	obj.GetObjectKind().SetGroupVersionKind(kind)
	var out bytes.Buffer
	if err := protobuf.NewSerializer(scheme.Scheme, scheme.Scheme).Encode(obj, &out); err != nil {
		t.Fatalf("encode %s: %v", kind, err)
	}
	return out.Bytes()
}

// kinds are all that are stored.
func kinds() (out []schema.GroupVersionKind) {
	for kind, t := range scheme.Scheme.AllKnownTypes() {
		_, named := t.FieldByName("ObjectMeta")
		if named && kind.Version != runtime.APIVersionInternal && !strings.HasSuffix(kind.Kind, "List") {
			out = append(out, kind)
		}
	}
	return out
}

// storageCodec is the codec that storage of a kind gets.
func storageCodec(t *testing.T, kind schema.GroupVersionKind) runtime.Codec {
	t.Helper()
	plain := protobuf.NewSerializer(scheme.Scheme, scheme.Scheme)
	codec := scheme.Codecs.CodecForVersions(plain, plain, kind.GroupVersion(), kind.GroupVersion())
	if at := quantitiesOf(scheme.Scheme.AllKnownTypes()[kind]); at != nil {
		return textCodec{codec, at}
	}
	return codec
}

// TestEncodingWritesNothing encodes decoded objects of all published kinds: whatever an encoder wrote into them it would write
// into what other requests read.
func TestEncodingWritesNothing(t *testing.T) {
	all := kinds()
	if len(all) < 80 {
		t.Fatalf("only %d kinds are known", len(all))
	}
	for _, kind := range all {
		obj, err := runtime.Decode(storageCodec(t, kind), filled(t, kind))
		if err != nil {
			t.Errorf("decode %s: %v", kind, err)
			continue
		}
		obj.GetObjectKind().SetGroupVersionKind(kind)
		before := obj.DeepCopyObject()
		for name, e := range encoders() {
			if err := e.Encode(obj, io.Discard); err != nil {
				t.Errorf("encode %s as %s: %v", kind, name, err)
			}
			if !reflect.DeepEqual(before, obj) {
				t.Errorf("%s: encoding as %s writes into the object: %s", kind, name, cmp.Diff(before, obj, cmp.Exporter(func(reflect.Type) bool { return true })))
			}
		}
	}
}

// TestSharedQuantities encodes and copies shallow copies of one object at once, as lists out of a watch cache do.
func TestSharedQuantities(t *testing.T) {
	for _, kind := range []schema.GroupVersionKind{storagev1.SchemeGroupVersion.WithKind("CSIStorageCapacity"), corev1.SchemeGroupVersion.WithKind("Pod")} {
		obj, err := runtime.Decode(storageCodec(t, kind), filled(t, kind))
		if err != nil {
			t.Fatal(err)
		}
		obj.GetObjectKind().SetGroupVersionKind(kind)
		var all sync.WaitGroup
		for range 4 {
			for name, e := range encoders() {
				all.Go(func() {
					if err := e.Encode(obj, io.Discard); err != nil {
						t.Errorf("encode %s as %s: %v", kind, name, err)
					}
					obj.DeepCopyObject()
				})
			}
		}
		all.Wait()
	}
}

// TestTextsFollowValues changes quantities that have a text.
func TestTextsFollowValues(t *testing.T) {
	at := quantitiesOf(reflect.TypeFor[storagev1.CSIStorageCapacity]())
	for _, tt := range []struct {
		name   string
		change func(*resource.Quantity)
		want   string
	}{
		{"unchanged", func(*resource.Quantity) {}, "1Gi"},
		{"add", func(q *resource.Quantity) { q.Add(resource.MustParse("1Gi")) }, "2Gi"},
		{"subtract", func(q *resource.Quantity) { q.Sub(resource.MustParse("512Mi")) }, "512Mi"},
		{"negate", (*resource.Quantity).Neg, "-1Gi"},
		{"set", func(q *resource.Quantity) { q.Set(2048) }, "2Ki"},
		{"set to thousandths", func(q *resource.Quantity) { q.SetMilli(5) }, "5m"},
		{"decoded anew", func(q *resource.Quantity) { _ = q.UnmarshalJSON([]byte(`"3"`)) }, "3"},
		{"assigned", func(q *resource.Quantity) { *q = resource.MustParse("4") }, "4"},
	} {
		capacity := resource.MustParse("1Gi")
		obj := &storagev1.CSIStorageCapacity{Capacity: &capacity}
		at.fill(reflect.ValueOf(obj).Elem())
		tt.change(obj.Capacity)
		for name, e := range encoders() {
			var out bytes.Buffer
			if err := e.Encode(&storagev1.CSIStorageCapacity{TypeMeta: typeOf("CSIStorageCapacity"), Capacity: obj.Capacity}, &out); err != nil {
				t.Fatal(err)
			}
			if !bytes.Contains(out.Bytes(), []byte(tt.want)) {
				t.Errorf("%s, as %s: %q lacks %q", tt.name, name, out.Bytes(), tt.want)
			}
		}
		if want := resource.MustParse(tt.want); !apiequality.Semantic.DeepEqual(*obj.Capacity, want) {
			t.Errorf("%s: got %v, want %s", tt.name, obj.Capacity, tt.want)
		}
	}
}

func typeOf(kind string) (out metav1.TypeMeta) {
	out.SetGroupVersionKind(storagev1.SchemeGroupVersion.WithKind(kind))
	return out
}

// TestQuantitiesOf shows where quantities are looked for.
func TestQuantitiesOf(t *testing.T) {
	type cycle struct {
		Next *cycle
		Q    []resource.Quantity
	}
	for _, tt := range []struct {
		of   reflect.Type
		want bool
	}{
		{reflect.TypeFor[corev1.Pod](), true},
		{reflect.TypeFor[corev1.LimitRange](), false}, // values of maps, which are copied
		{reflect.TypeFor[corev1.ConfigMap](), false},
		{reflect.TypeFor[storagev1.CSIStorageCapacity](), true},
		{reflect.TypeFor[map[string]*resource.Quantity](), true},
		{reflect.TypeFor[cycle](), true},
	} {
		if got := quantitiesOf(tt.of) != nil; got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.of, got, tt.want)
		}
	}
	c := &cycle{Next: &cycle{Q: []resource.Quantity{resource.MustParse("1k")}}}
	quantitiesOf(reflect.TypeFor[cycle]()).fill(reflect.ValueOf(c).Elem())
	if text := fmt.Sprintf("%+v", reflect.ValueOf(c.Next.Q[0]).FieldByName("s")); text != "1k" {
		t.Errorf("the text is %q", text)
	}
}

func BenchmarkDecode(b *testing.B) {
	capacity := resource.MustParse("1Gi")
	small := &storagev1.CSIStorageCapacity{TypeMeta: typeOf("CSIStorageCapacity"), StorageClassName: "fast", Capacity: &capacity, MaximumVolumeSize: &capacity}
	pod := &corev1.Pod{Spec: corev1.PodSpec{NodeName: "n"}}
	for i := range 3 {
		c := corev1.Container{Name: fmt.Sprint("c", i), Image: "registry.example.org/i:v1", Resources: corev1.ResourceRequirements{
			Requests: corev1.ResourceList{"cpu": resource.MustParse("100m"), "memory": resource.MustParse("1Gi")}}}
		for j := range 10 {
			c.Env = append(c.Env, corev1.EnvVar{Name: fmt.Sprint("A", j), Value: "b"})
		}
		c.Env = append(c.Env, corev1.EnvVar{Name: "R", ValueFrom: &corev1.EnvVarSource{ResourceFieldRef: &corev1.ResourceFieldSelector{Resource: "limits.cpu", Divisor: resource.MustParse("1m")}}})
		pod.Spec.Containers = append(pod.Spec.Containers, c)
		pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: fmt.Sprint("v", i), VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{}}})
	}
	pod.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Pod"))
	for _, obj := range []runtime.Object{small, pod} {
		kind := obj.GetObjectKind().GroupVersionKind()
		plain := protobuf.NewSerializer(scheme.Scheme, scheme.Scheme)
		codec := scheme.Codecs.CodecForVersions(plain, plain, kind.GroupVersion(), kind.GroupVersion())
		data, err := runtime.Encode(codec, obj)
		if err != nil {
			b.Fatal(err)
		}
		at := quantitiesOf(reflect.TypeOf(obj).Elem())
		for name, c := range map[string]runtime.Codec{"plain": codec, "texts": textCodec{codec, at}} {
			b.Run(kind.Kind+"/"+name, func(b *testing.B) {
				b.ReportAllocs()
				for range b.N {
					if _, err := runtime.Decode(c, data); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
