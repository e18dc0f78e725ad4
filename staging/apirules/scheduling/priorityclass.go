package scheduling

import (
	"fmt"
	"strings"

	v1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"github.com/proa-sh/proa/staging/apirules/meta"
)

// Names and values that are kept for the system.
const (
	// HighestUserPriority is the highest value that a class of users may have.
	HighestUserPriority = 1_000_000_000
	// SystemCritical is the value of the first class of the system.
	SystemCritical = 2 * HighestUserPriority
	systemPrefix   = "system-"
)

// SystemPriorityClasses returns the classes that exist in every cluster.
func SystemPriorityClasses() []*schedulingv1.PriorityClass {
	class := func(name string, value int32, description string) *schedulingv1.PriorityClass {
		c := &schedulingv1.PriorityClass{Value: value, Description: description, PreemptionPolicy: ptr.To(v1.PreemptLowerPriority)}
		c.Name = name
		return c
	}
	return []*schedulingv1.PriorityClass{
		class(systemPrefix+"node-critical", SystemCritical+1000, "Used for system critical pods that must not be moved from their current node."),
		class(systemPrefix+"cluster-critical", SystemCritical, "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary."),
	}
}

// SetPriorityClassDefaults lets pods of a class preempt others.
func SetPriorityClassDefaults(c *schedulingv1.PriorityClass) {
	if c.PreemptionPolicy == nil {
		c.PreemptionPolicy = ptr.To(v1.PreemptLowerPriority)
	}
}

// ValidatePriorityClass reports faults of a new class.
func ValidatePriorityClass(c *schedulingv1.PriorityClass) field.ErrorList {
	errs := meta.ClusterScoped(&c.ObjectMeta, meta.SubdomainName)
	if strings.HasPrefix(c.Name, systemPrefix) {
		if err := knownSystemClass(c); err != nil {
			errs = append(errs, field.Forbidden(field.NewPath("metadata", "name"),
				"priority class names with '"+systemPrefix+"' prefix are reserved for system use only. error: "+err.Error()))
		}
	} else if c.Value > HighestUserPriority {
		errs = append(errs, field.Forbidden(field.NewPath("value"), fmt.Sprintf("maximum allowed value of a user defined priority is %v", HighestUserPriority)))
	}
	if c.PreemptionPolicy != nil {
		errs = append(errs, meta.OneOf(*c.PreemptionPolicy, field.NewPath("preemptionPolicy"), v1.PreemptLowerPriority, v1.PreemptNever)...)
	}
	return errs
}

// knownSystemClass says in what a class differs from the system's one of its name.
func knownSystemClass(c *schedulingv1.PriorityClass) error {
	for _, known := range SystemPriorityClasses() {
		if known.Name != c.Name {
			continue
		}
		if known.Value != c.Value {
			return fmt.Errorf("value of %v PriorityClass must be %v", known.Name, known.Value)
		}
		if known.GlobalDefault != c.GlobalDefault {
			return fmt.Errorf("globalDefault of %v PriorityClass must be %v", known.Name, known.GlobalDefault)
		}
		return nil
	}
	return fmt.Errorf("%v is not a known system priority class", c.Name)
}

// ValidatePriorityClassUpdate reports faults of a class that is to replace old; value and policy stay, as pods keep those
// that they were admitted with.
func ValidatePriorityClassUpdate(newC, old *schedulingv1.PriorityClass) field.ErrorList {
	errs := meta.Update(&newC.ObjectMeta, &old.ObjectMeta)
	if newC.Value != old.Value {
		errs = append(errs, field.Forbidden(field.NewPath("value"), "may not be changed in an update."))
	}
	return append(errs, meta.Immutable(newC.PreemptionPolicy, old.PreemptionPolicy, field.NewPath("preemptionPolicy"))...)
}
