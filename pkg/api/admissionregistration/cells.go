package admissionregistration

import (
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/proa-sh/proa/pkg/api/columns"
)

// paramKindCell names the kind of a policy's parameters: group/version/kind.
func paramKindCell(k *admissionregistrationv1.ParamKind) string {
	if k == nil {
		return columns.Unset
	}
	return k.APIVersion + "/" + k.Kind
}

// paramRefCell names the parameters of a binding, or says how they are selected.
func paramRefCell(r *admissionregistrationv1.ParamRef) string {
	switch {
	case r == nil:
		return columns.Unset
	case r.Name != "" && r.Namespace != "":
		return r.Namespace + "/" + r.Name
	case r.Name != "":
		return "*/" + r.Name
	case r.Selector != nil:
		return metav1.FormatLabelSelector(r.Selector)
	}
	return columns.Unset
}
