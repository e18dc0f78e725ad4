package core

import (
	"fmt"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// PersistentVolumeClaimWarnings tells of a claim's deprecated annotations and of amounts in fractions of a byte.
func PersistentVolumeClaimWarnings(newC, _ *v1.PersistentVolumeClaim) []string {
	var out []string
	if _, ok := newC.Annotations[v1.BetaStorageClassAnnotation]; ok {
		out = append(out, fmt.Sprintf("%s: deprecated since v1.8; use \"storageClassName\" attribute instead",
			field.NewPath("metadata", "annotations").Key(v1.BetaStorageClassAnnotation)))
	}
	return append(out, PersistentVolumeClaimSpecWarnings(&newC.Spec, field.NewPath("spec"))...)
}

// PersistentVolumeClaimSpecWarnings is PersistentVolumeClaimWarnings for a spec or the template of one at p.
func PersistentVolumeClaimSpecWarnings(s *v1.PersistentVolumeClaimSpec, p *field.Path) []string {
	var out []string
	fraction := func(list v1.ResourceList, name string) {
		if q, ok := list[v1.ResourceStorage]; ok && q.MilliValue()%1000 != 0 {
			out = append(out, fmt.Sprintf("%s: fractional byte value %q is invalid, must be an integer",
				p.Child("resources", name).Key(string(v1.ResourceStorage)), q.String()))
		}
	}
	fraction(s.Resources.Requests, "requests")
	fraction(s.Resources.Limits, "limits")
	return out
}
