package meta

import (
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metavalidation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// NameRule says what is wrong with a name; with prefix set, with the beginning of a generated one.
type NameRule = apivalidation.ValidateNameFunc

// The name rules of the API.
var (
	_ NameRule = SubdomainName
	_ NameRule = LabelName
	_ NameRule = Label1035Name
	_ NameRule = PathSegmentName
)

// SubdomainName is the rule of most kinds: an RFC 1123 subdomain.
func SubdomainName(name string, prefix bool) []string {
	return apivalidation.NameIsDNSSubdomain(name, prefix)
}

// LabelName wants an RFC 1123 label.
func LabelName(name string, prefix bool) []string { return apivalidation.NameIsDNSLabel(name, prefix) }

// Label1035Name wants an RFC 1035 label, which begins with a letter.
func Label1035Name(name string, prefix bool) []string {
	return apivalidation.NameIsDNS1035Label(name, prefix)
}

// Namespaced reports faults in the metadata of a namespaced object.
func Namespaced(m *metav1.ObjectMeta, rule NameRule) field.ErrorList {
	return apivalidation.ValidateObjectMeta(m, true, rule, field.NewPath("metadata"))
}

// ClusterScoped reports faults in the metadata of a cluster-scoped object.
func ClusterScoped(m *metav1.ObjectMeta, rule NameRule) field.ErrorList {
	return apivalidation.ValidateObjectMeta(m, false, rule, field.NewPath("metadata"))
}

// Update reports forbidden changes of metadata.
func Update(newM, oldM *metav1.ObjectMeta) field.ErrorList {
	return apivalidation.ValidateObjectMetaUpdate(newM, oldM, field.NewPath("metadata"))
}

// Labels reports label keys and values without the right form.
func Labels(l map[string]string, p *field.Path) field.ErrorList {
	return metavalidation.ValidateLabels(l, p)
}

// Annotations reports annotation keys without the right form and more than 256 KiB in all.
func Annotations(a map[string]string, p *field.Path) field.ErrorList {
	return apivalidation.ValidateAnnotations(a, p)
}

// Selector reports a faulty label selector; nil is fine. Values of expressions that are no label values pass when
// allowInvalidValues is set, which is for objects that were stored with such values.
func Selector(s *metav1.LabelSelector, p *field.Path, allowInvalidValues bool) field.ErrorList {
	opts := metavalidation.LabelSelectorValidationOptions{AllowInvalidLabelValueInSelector: allowInvalidValues}
	return metavalidation.ValidateLabelSelector(s, opts, p)
}

// SelectorHasInvalidValue tells whether an expression of s has a value that is no label value.
func SelectorHasInvalidValue(s *metav1.LabelSelector) bool {
	return metavalidation.LabelSelectorHasInvalidLabelValue(s)
}

// EmptySelector tells whether s selects everything by having no requirement.
func EmptySelector(s *metav1.LabelSelector) bool {
	return len(s.MatchLabels)+len(s.MatchExpressions) == 0
}
