package meta_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/proa-sh/proa/staging/apirules/internal/rulestest"
	"github.com/proa-sh/proa/staging/apirules/meta"
)

func TestRules(t *testing.T) {
	p := field.NewPath("f")
	type kind string
	for _, c := range []struct {
		name string
		got  field.ErrorList
		want []string
	}{
		{"required", meta.Required("", p), []string{rulestest.Required("f")}},
		{"one of", meta.OneOf(kind("a"), p, "a", "b"), nil},
		{"none of", meta.OneOf(kind("c"), p, "a", "b"), []string{rulestest.NotSupported("f")}},
		{"one of nothing", meta.OneOf(kind(""), p, "a"), []string{rulestest.Required("f")}},
		{"optional", meta.OptionalOneOf(kind(""), p, "a"), nil},
		{"empty is not in", meta.In(kind(""), p, "a"), []string{rulestest.NotSupported("f")}},
		{"negative", meta.NonNegative(int32(-1), p), []string{rulestest.Invalid("f")}},
		{"zero", meta.Positive(int64(0), p), []string{rulestest.Invalid("f")}},
		{"range", meta.Range(int32(256), 0, 255, p), []string{rulestest.Invalid("f")}},
		{"label", meta.DNSLabel("a.b", p), []string{rulestest.Invalid("f")}},
		{"subdomain", meta.DNSSubdomain("a.b", p), nil},
		{"no subdomain", meta.DNSSubdomain("", p), []string{rulestest.Required("f")}},
		{"qualified name", meta.QualifiedName("a/b/c", p), []string{rulestest.Invalid("f")}},
		{"port number", meta.PortNumOrName(intstr.FromInt32(0), p), []string{rulestest.Invalid("f")}},
		{"port name", meta.PortNumOrName(intstr.FromString("http"), p), nil},
		{"absolute", meta.LocalPath("/a", p), []string{rulestest.Invalid("f")}},
		{"backstep", meta.LocalPath("a/../b", p), []string{rulestest.Invalid("f")}},
		{"dots in a name", meta.LocalPath("..a", p), nil},
		{"dots at a file's beginning", meta.LocalFilePath("..a", p), []string{rulestest.Invalid("f")}},
		{"immutable", meta.Immutable(1, 2, p), []string{rulestest.Invalid("f")}},
		{"percentage", meta.IntOrPercent(intstr.FromString("x"), p), []string{rulestest.Invalid("f")}},
		{"above all", meta.AtMost100Percent(intstr.FromString("101%"), p), []string{rulestest.Invalid("f")}},
		{"number above 100", meta.AtMost100Percent(intstr.FromInt32(101), p), nil},
		{"signer", meta.SignerName("example.com/a.b", p), nil},
		{"signer without domain", meta.SignerName("a", p), []string{rulestest.Invalid("f")}},
		{"signer of a label", meta.SignerName("a/b", p), []string{rulestest.Invalid("f")}},
		{"selector", meta.Selector(&metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "a", Operator: "In", Values: []string{"/"}}}}, p, false), []string{rulestest.Invalid("f.matchExpressions[0].values[0]")}},
		{"stored selector", meta.Selector(&metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "a", Operator: "In", Values: []string{"/"}}}}, p, true), nil},
	} {
		t.Run(c.name, func(t *testing.T) { rulestest.Check(t, c.got, c.want...) })
	}
}

func TestWording(t *testing.T) {
	p := field.NewPath("spec", "replicas")
	rulestest.Message(t, meta.NonNegative(int32(-1), p), "spec.replicas: Invalid value: -1: must be greater than or equal to 0")
	rulestest.Message(t, meta.Positive(int32(0), p), "spec.replicas: Invalid value: 0: must be greater than zero")
	rulestest.Message(t, meta.In("c", p, "a", "b"), `spec.replicas: Unsupported value: "c": supported values: "a", "b"`)
	rulestest.Message(t, meta.Range(int32(0), 1, 3, p), "spec.replicas: Invalid value: 0: must be between 1 and 3, inclusive")
}

func TestObjects(t *testing.T) {
	good := metav1.ObjectMeta{Name: "a", Namespace: "ns", ResourceVersion: "1"}
	rulestest.Check(t, meta.Namespaced(&good, meta.SubdomainName))
	rulestest.Check(t, meta.ClusterScoped(&good, meta.SubdomainName), rulestest.Forbidden("metadata.namespace"))
	bad := metav1.ObjectMeta{Name: "..", Labels: map[string]string{"/": ""}, OwnerReferences: []metav1.OwnerReference{{}}, Finalizers: []string{"/"}}
	rulestest.Check(t, meta.ClusterScoped(&bad, meta.PathSegmentName), rulestest.Invalid("metadata.name"), rulestest.Invalid("metadata.labels"),
		rulestest.Invalid("metadata.ownerReferences.apiVersion"), rulestest.Invalid("metadata.ownerReferences.kind"), rulestest.Invalid("metadata.ownerReferences.name"),
		rulestest.Invalid("metadata.ownerReferences.uid"), rulestest.Invalid("metadata.finalizers"))
	other := metav1.ObjectMeta{Name: "b", Namespace: "ns", UID: "u"}
	rulestest.Check(t, meta.Update(&other, &good), rulestest.Invalid("metadata.name"), rulestest.Invalid("metadata.uid"), rulestest.Invalid("metadata.resourceVersion"))
}

func TestSmallQuestions(t *testing.T) {
	zero, some := intstr.FromString("0%"), intstr.FromInt32(1)
	got := []bool{meta.IsZero(nil), meta.IsZero(&zero), meta.IsZero(&some), meta.IsKubernetesSigner("kubernetes.io/a"), meta.IsKubernetesSigner("akubernetes.io/a"),
		meta.EmptySelector(&metav1.LabelSelector{})}
	if diff := cmp.Diff([]bool{true, true, false, true, false, true}, got); diff != "" {
		t.Errorf("answers differ (-want +got):\n%s", diff)
	}
}
