package storage

import (
	"fmt"
	"strings"

	v1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"github.com/proa-sh/proa/staging/apirules/core"
	"github.com/proa-sh/proa/staging/apirules/meta"
)

// Limits of the parameters of a class.
const (
	maxParameters     = 512
	maxParameterBytes = 256 * 1024
)

// SetStorageClassDefaults deletes volumes with their claims, and binds claims at once.
func SetStorageClassDefaults(c *storagev1.StorageClass) {
	if c.ReclaimPolicy == nil {
		c.ReclaimPolicy = ptr.To(v1.PersistentVolumeReclaimDelete)
	}
	if c.VolumeBindingMode == nil {
		c.VolumeBindingMode = ptr.To(storagev1.VolumeBindingImmediate)
	}
}

// ValidateStorageClass reports faults of a new class.
func ValidateStorageClass(c *storagev1.StorageClass) field.ErrorList {
	errs := meta.ClusterScoped(&c.ObjectMeta, meta.SubdomainName)
	errs = append(errs, provisioner(c.Provisioner, field.NewPath("provisioner"))...)
	errs = append(errs, parameters(c.Parameters, true, field.NewPath("parameters"))...)
	if c.ReclaimPolicy != nil && *c.ReclaimPolicy != "" {
		errs = append(errs, meta.In(*c.ReclaimPolicy, field.NewPath("reclaimPolicy"), v1.PersistentVolumeReclaimDelete, v1.PersistentVolumeReclaimRetain)...)
	}
	if c.VolumeBindingMode == nil {
		errs = append(errs, field.Required(field.NewPath("volumeBindingMode"), ""))
	} else {
		errs = append(errs, meta.In(*c.VolumeBindingMode, field.NewPath("volumeBindingMode"), storagev1.VolumeBindingImmediate, storagev1.VolumeBindingWaitForFirstConsumer)...)
	}
	return append(errs, core.TopologySelectors(c.AllowedTopologies, field.NewPath("allowedTopologies"))...)
}

func provisioner(name string, p *field.Path) field.ErrorList {
	if name == "" {
		return field.ErrorList{field.Required(p, name)}
	}
	return meta.QualifiedName(strings.ToLower(name), p)
}

func parameters(params map[string]string, mayBeEmpty bool, p *field.Path) field.ErrorList {
	if len(params) == 0 && !mayBeEmpty {
		return field.ErrorList{field.Required(p, "must contain at least one key/value pair")}
	}
	var errs field.ErrorList
	if len(params) > maxParameters {
		return field.ErrorList{field.TooLong(p, "", maxParameters)}
	}
	size := 0
	for k, v := range params {
		if k == "" {
			errs = append(errs, field.Invalid(p, k, "field can not be empty."))
		}
		size += len(k) + len(v)
	}
	if size > maxParameterBytes {
		errs = append(errs, field.TooLong(p, "", maxParameterBytes))
	}
	return errs
}

// ValidateStorageClassUpdate reports faults of a class that is to replace old; how it makes volumes stays.
func ValidateStorageClassUpdate(newC, old *storagev1.StorageClass) field.ErrorList {
	errs := meta.Update(&newC.ObjectMeta, &old.ObjectMeta)
	if !apiequality.Semantic.DeepEqual(newC.Parameters, old.Parameters) {
		errs = append(errs, field.Forbidden(field.NewPath("parameters"), "updates to parameters are forbidden."))
	}
	if newC.Provisioner != old.Provisioner {
		errs = append(errs, field.Forbidden(field.NewPath("provisioner"), "updates to provisioner are forbidden."))
	}
	if !ptr.Equal(newC.ReclaimPolicy, old.ReclaimPolicy) {
		errs = append(errs, field.Forbidden(field.NewPath("reclaimPolicy"), "updates to reclaimPolicy are forbidden."))
	}
	errs = append(errs, meta.Immutable(newC.VolumeBindingMode, old.VolumeBindingMode, field.NewPath("volumeBindingMode"))...)
	return append(errs, core.TopologySelectors(newC.AllowedTopologies, field.NewPath("allowedTopologies"))...)
}

// StorageClassWarnings tells of deprecated labels of nodes in topologies.
func StorageClassWarnings(newC, _ *storagev1.StorageClass) []string {
	var out []string
	for i, t := range newC.AllowedTopologies {
		for j, e := range t.MatchLabelExpressions {
			p := field.NewPath("allowedTopologies").Index(i).Child("matchLabelExpressions").Index(j).Child("key")
			for _, w := range core.NodeSelectorWarnings(map[string]string{e.Key: ""}, p) {
				_, words, _ := strings.Cut(w, "]: ")
				out = append(out, fmt.Sprintf("%s: %s is %s", p, e.Key, words))
			}
		}
	}
	return out
}

// ValidateVolumeAttributesClass reports faults of a new class of attributes.
func ValidateVolumeAttributesClass(c *storagev1.VolumeAttributesClass) field.ErrorList {
	errs := meta.ClusterScoped(&c.ObjectMeta, meta.SubdomainName)
	errs = append(errs, provisioner(c.DriverName, field.NewPath("driverName"))...)
	return append(errs, parameters(c.Parameters, false, field.NewPath("parameters"))...)
}

// ValidateVolumeAttributesClassUpdate reports faults of a class that is to replace old; driver and parameters stay.
func ValidateVolumeAttributesClassUpdate(newC, old *storagev1.VolumeAttributesClass) field.ErrorList {
	errs := meta.Update(&newC.ObjectMeta, &old.ObjectMeta)
	if newC.DriverName != old.DriverName {
		errs = append(errs, field.Forbidden(field.NewPath("driverName"), "updates to driverName are forbidden."))
	}
	if !apiequality.Semantic.DeepEqual(newC.Parameters, old.Parameters) {
		errs = append(errs, field.Forbidden(field.NewPath("parameters"), "updates to parameters are forbidden."))
	}
	return errs
}
