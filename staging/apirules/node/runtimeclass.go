package node

import (
	v1 "k8s.io/api/core/v1"
	nodev1 "k8s.io/api/node/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/proa-sh/proa/staging/apirules/core"
	"github.com/proa-sh/proa/staging/apirules/meta"
)

// SetRuntimeClassDefaults rounds amounts.
func SetRuntimeClassDefaults(c *nodev1.RuntimeClass) {
	if c.Overhead != nil {
		core.RoundResources(c.Overhead.PodFixed)
	}
}

// ValidateRuntimeClass reports faults of a new runtime class.
func ValidateRuntimeClass(c *nodev1.RuntimeClass) field.ErrorList {
	errs := meta.ClusterScoped(&c.ObjectMeta, meta.SubdomainName)
	errs = append(errs, meta.Invalid(c.Handler, field.NewPath("handler"), validation.IsDNS1123Label(c.Handler))...)
	if c.Overhead != nil {
		errs = append(errs, core.Overhead(c.Overhead.PodFixed, field.NewPath("overhead"))...)
	}
	if c.Scheduling != nil {
		errs = append(errs, scheduling(c.Scheduling, field.NewPath("scheduling"))...)
	}
	return errs
}

func scheduling(s *nodev1.Scheduling, p *field.Path) field.ErrorList {
	errs := meta.Labels(s.NodeSelector, p.Child("nodeSelector"))
	tp := p.Child("tolerations")
	errs = append(errs, core.Tolerations(s.Tolerations, tp)...)
	for i := range s.Tolerations {
		for j := range s.Tolerations[:i] {
			if same(&s.Tolerations[i], &s.Tolerations[j]) {
				errs = append(errs, field.Duplicate(tp.Index(i), s.Tolerations[i]))
				break
			}
		}
	}
	return errs
}

func same(a, b *v1.Toleration) bool {
	seconds := a.TolerationSeconds == nil && b.TolerationSeconds == nil ||
		a.TolerationSeconds != nil && b.TolerationSeconds != nil && *a.TolerationSeconds == *b.TolerationSeconds
	return a.MatchToleration(b) && seconds
}

// ValidateRuntimeClassUpdate reports faults of a runtime class that is to replace old; its handler stays.
func ValidateRuntimeClassUpdate(newC, old *nodev1.RuntimeClass) field.ErrorList {
	errs := meta.Update(&newC.ObjectMeta, &old.ObjectMeta)
	errs = append(errs, ValidateRuntimeClass(newC)...)
	return append(errs, meta.Immutable(newC.Handler, old.Handler, field.NewPath("handler"))...)
}

// RuntimeClassWarnings tells of deprecated labels of nodes.
func RuntimeClassWarnings(newC, _ *nodev1.RuntimeClass) []string {
	if newC.Scheduling == nil {
		return nil
	}
	return core.NodeSelectorWarnings(newC.Scheduling.NodeSelector, field.NewPath("scheduling", "nodeSelector"))
}
