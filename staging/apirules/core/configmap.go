package core

import (
	"maps"
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/proa-sh/proa/staging/apirules/meta"
)

// hasDomain tells names of the form domain/name.
func hasDomain(name string) bool { return strings.Contains(name, "/") }

const immutableWhenSet = "field is immutable when `immutable` is set"

// ValidateConfigMap reports faults of a new config map: keys without the right form or in both maps, more than 1 MiB.
func ValidateConfigMap(c *v1.ConfigMap) field.ErrorList {
	errs := meta.Namespaced(&c.ObjectMeta, meta.SubdomainName)
	size := 0
	for _, key := range slices.Sorted(maps.Keys(c.Data)) {
		p := field.NewPath("data").Key(key)
		errs = append(errs, meta.Invalid(key, p, validation.IsConfigMapKey(key))...)
		if _, both := c.BinaryData[key]; both {
			errs = append(errs, field.Invalid(p, key, "duplicate of key present in binaryData"))
		}
		size += len(c.Data[key])
	}
	for _, key := range slices.Sorted(maps.Keys(c.BinaryData)) {
		errs = append(errs, meta.Invalid(key, field.NewPath("binaryData").Key(key), validation.IsConfigMapKey(key))...)
		size += len(c.BinaryData[key])
	}
	if size > v1.MaxSecretSize {
		errs = append(errs, field.TooLong(field.NewPath(""), "", v1.MaxSecretSize))
	}
	return errs
}

// ValidateConfigMapUpdate reports faults of a config map that is to replace old, and changes of an immutable one.
func ValidateConfigMapUpdate(newC, old *v1.ConfigMap) field.ErrorList {
	errs := meta.Update(&newC.ObjectMeta, &old.ObjectMeta)
	if old.Immutable != nil && *old.Immutable {
		if newC.Immutable == nil || !*newC.Immutable {
			errs = append(errs, field.Forbidden(field.NewPath("immutable"), immutableWhenSet))
		}
		if !apiequality.Semantic.DeepEqual(newC.Data, old.Data) {
			errs = append(errs, field.Forbidden(field.NewPath("data"), immutableWhenSet))
		}
		if !apiequality.Semantic.DeepEqual(newC.BinaryData, old.BinaryData) {
			errs = append(errs, field.Forbidden(field.NewPath("binaryData"), immutableWhenSet))
		}
	}
	return append(errs, ValidateConfigMap(newC)...)
}
