package api

import (
	"fmt"
	"math/rand"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/apitesting/fuzzer"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/resource"
	metafuzzer "k8s.io/apimachinery/pkg/apis/meta/fuzzer"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"sigs.k8s.io/randfill"
)

// rounds is how many random objects of each kind a test looks at.
const rounds = 20

// TestDefaults checks that completing an object, that is Normalize and Default, a second time changes nothing, whatever
// the object: it runs on every decoding.
func TestDefaults(t *testing.T) {
	groups, scheme := testGroups(t)
	fill := newFiller(scheme)
	for _, d := range definitions(groups) {
		t.Run(d.Names().Resource().String(), func(t *testing.T) {
			for range rounds {
				once := fill(t, scheme, d.Names().Kind)
				scheme.Default(once)
				twice := once.DeepCopyObject()
				scheme.Default(twice)
				if !apiequality.Semantic.DeepEqual(once, twice) {
					t.Fatalf("completing twice is not the same as once (-once +twice):\n%s", gocmp.Diff(once, twice))
				}
			}
		})
	}
}

// TestCodecs sends random objects of every kind, in every version and encoding, through what the server does with them.
func TestCodecs(t *testing.T) {
	groups, scheme := testGroups(t)
	fill := newFiller(scheme)
	codecs := serializer.NewCodecFactory(scheme)
	for _, d := range definitions(groups) {
		for _, kind := range versions(d) {
			for _, media := range []string{runtime.ContentTypeJSON, runtime.ContentTypeProtobuf} {
				t.Run(fmt.Sprintf("%s as %s in %s", d.Names().Plural, media, kind.GroupVersion()), func(t *testing.T) {
					info, ok := runtime.SerializerInfoForMediaType(codecs.SupportedMediaTypes(), media)
					if !ok {
						t.Fatalf("no serializer for %s", media)
					}
					internal := schema.GroupVersion{Group: kind.Group, Version: runtime.APIVersionInternal}
					encoder := codecs.EncoderForVersion(info.Serializer, kind.GroupVersion())
					decoder := codecs.DecoderToVersion(info.Serializer, internal)
					stored := codecs.LegacyCodec(d.Names().Kind.GroupVersion())
					for range rounds {
						// Encoded once, so that what is empty is left out, as in storage.
						hub, err := runtime.Decode(stored, []byte(runtime.EncodeOrDie(stored, fill(t, scheme, d.Names().Kind))))
						if err != nil {
							t.Fatal(err)
						}
						roundTrip(t, hub, encoder, decoder)
					}
				})
			}
		}
	}
}

func roundTrip(t *testing.T, hub runtime.Object, encoder runtime.Encoder, decoder runtime.Decoder) {
	t.Helper()
	before := hub.DeepCopyObject()
	data, err := runtime.Encode(encoder, hub)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(before, hub); diff != "" {
		t.Fatalf("encoding changed the object (-before +after):\n%s", diff)
	}
	got, err := runtime.Decode(decoder, data)
	if err != nil {
		t.Fatalf("decode: %v\n%s", err, data)
	}
	got.GetObjectKind().SetGroupVersionKind(schema.GroupVersionKind{})
	hub.GetObjectKind().SetGroupVersionKind(schema.GroupVersionKind{})
	if !apiequality.Semantic.DeepEqual(hub, got) {
		t.Fatalf("object differs after encoding and decoding (-want +got):\n%s", gocmp.Diff(hub, got))
	}
}

// TestLists checks that lists survive too, in every version.
func TestLists(t *testing.T) {
	groups, scheme := testGroups(t)
	codecs := serializer.NewCodecFactory(scheme)
	for _, d := range definitions(groups) {
		for _, kind := range versions(d) {
			listKind := kind.GroupVersion().WithKind(kind.Kind + "List")
			hubKind := d.Names().Kind.GroupVersion().WithKind(d.Names().Kind.Kind + "List")
			list, err := scheme.New(hubKind)
			if err != nil {
				t.Fatal(err)
			}
			data, err := runtime.Encode(codecs.LegacyCodec(kind.GroupVersion()), list)
			if err != nil {
				t.Fatalf("encode %s: %v", listKind, err)
			}
			got, gvk, err := codecs.UniversalDecoder(schema.GroupVersion{Group: kind.Group, Version: runtime.APIVersionInternal}).Decode(data, nil, nil)
			if err != nil {
				t.Fatalf("decode %s: %v", listKind, err)
			}
			if *gvk != listKind {
				t.Errorf("encoded as %s, want %s", gvk, listKind)
			}
			if fmt.Sprintf("%T", got) != fmt.Sprintf("%T", list) {
				t.Errorf("%s became a %T, want a %T", listKind, got, list)
			}
		}
	}
}

// newFiller makes objects with random content.
func newFiller(scheme *runtime.Scheme) func(*testing.T, *runtime.Scheme, schema.GroupVersionKind) runtime.Object {
	f := fuzzer.FuzzerFor(fuzzer.MergeFuzzerFuncs(metafuzzer.Funcs, storableFuncs), rand.NewSource(36), serializer.NewCodecFactory(scheme))
	return func(t *testing.T, s *runtime.Scheme, kind schema.GroupVersionKind) runtime.Object {
		t.Helper()
		obj, err := s.New(kind)
		if err != nil {
			t.Fatal(err)
		}
		f.Fill(obj)
		return obj
	}
}

// storableFuncs keep random objects to what can be in storage.
func storableFuncs(serializer.CodecFactory) []any {
	return []any{
		func(q *resource.Quantity, c randfill.Continue) {
			*q = *resource.NewQuantity(c.Int63n(1000), resource.DecimalSI)
		},
		func(a *autoscalingv2.HorizontalPodAutoscaler, c randfill.Continue) {
			c.FillNoCustom(a)
			a.Annotations = map[string]string{"note": c.String(0)}
			one := int32(1)
			a.Spec.MinReplicas = &one // which defaults of both versions fill in
			a.Spec.Metrics, a.Status.CurrentMetrics = randomMetrics(c), randomCurrent(c)
		},
	}
}

// randomMetrics are of every type; the CPU utilization is last, where conversion to autoscaling/v1 and back puts it.
func randomMetrics(c randfill.Continue) []autoscalingv2.MetricSpec {
	amount, percent := resource.NewQuantity(c.Int63n(100)+1, resource.DecimalSI), c.Int31()
	value := autoscalingv2.MetricTarget{Type: autoscalingv2.ValueMetricType, Value: amount}
	average := autoscalingv2.MetricTarget{Type: autoscalingv2.AverageValueMetricType, AverageValue: amount}
	utilization := autoscalingv2.MetricTarget{Type: autoscalingv2.UtilizationMetricType, AverageUtilization: &percent}
	metric := autoscalingv2.MetricIdentifier{Name: c.String(0)}
	object := autoscalingv2.CrossVersionObjectReference{Kind: c.String(0), Name: c.String(0)}
	return []autoscalingv2.MetricSpec{
		{Type: autoscalingv2.ObjectMetricSourceType, Object: &autoscalingv2.ObjectMetricSource{DescribedObject: object, Metric: metric, Target: value}},
		{Type: autoscalingv2.ObjectMetricSourceType, Object: &autoscalingv2.ObjectMetricSource{DescribedObject: object, Metric: metric, Target: average}},
		{Type: autoscalingv2.PodsMetricSourceType, Pods: &autoscalingv2.PodsMetricSource{Metric: metric, Target: average}},
		{Type: autoscalingv2.ExternalMetricSourceType, External: &autoscalingv2.ExternalMetricSource{Metric: metric, Target: value}},
		{Type: autoscalingv2.ExternalMetricSourceType, External: &autoscalingv2.ExternalMetricSource{Metric: metric, Target: average}},
		{Type: autoscalingv2.ContainerResourceMetricSourceType, ContainerResource: &autoscalingv2.ContainerResourceMetricSource{
			Name: corev1.ResourceMemory, Container: c.String(0), Target: utilization}},
		{Type: autoscalingv2.ResourceMetricSourceType, Resource: &autoscalingv2.ResourceMetricSource{Name: corev1.ResourceMemory, Target: average}},
		{Type: autoscalingv2.ResourceMetricSourceType, Resource: &autoscalingv2.ResourceMetricSource{Name: corev1.ResourceCPU, Target: utilization}},
	}
}

func randomCurrent(c randfill.Continue) []autoscalingv2.MetricStatus {
	amount, percent := resource.NewQuantity(c.Int63n(100)+1, resource.DecimalSI), c.Int31()
	value := autoscalingv2.MetricValueStatus{Value: amount}
	average := autoscalingv2.MetricValueStatus{AverageValue: amount, AverageUtilization: &percent}
	metric := autoscalingv2.MetricIdentifier{Name: c.String(0)}
	return []autoscalingv2.MetricStatus{
		{Type: autoscalingv2.ObjectMetricSourceType, Object: &autoscalingv2.ObjectMetricStatus{Metric: metric, Current: value}},
		{Type: autoscalingv2.PodsMetricSourceType, Pods: &autoscalingv2.PodsMetricStatus{Metric: metric, Current: autoscalingv2.MetricValueStatus{AverageValue: amount}}},
		{Type: autoscalingv2.ExternalMetricSourceType, External: &autoscalingv2.ExternalMetricStatus{Metric: metric, Current: value}},
		{Type: autoscalingv2.ContainerResourceMetricSourceType, ContainerResource: &autoscalingv2.ContainerResourceMetricStatus{
			Name: corev1.ResourceMemory, Container: c.String(0), Current: average}},
		{Type: autoscalingv2.ResourceMetricSourceType, Resource: &autoscalingv2.ResourceMetricStatus{Name: corev1.ResourceCPU, Current: average}},
	}
}
