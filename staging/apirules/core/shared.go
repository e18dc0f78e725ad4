package core

import (
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/proa-sh/proa/staging/apirules/meta"
)

// Tolerations reports faulty tolerations at p, for kinds of other groups that hold some.
func Tolerations(list []v1.Toleration, p *field.Path) field.ErrorList {
	r := podRules{}
	return r.tolerations(list, p)
}

// NonSpecialIP reports an address that does not stand for one host elsewhere: unspecified, loopback, link-local.
func NonSpecialIP(ip string, p *field.Path) field.ErrorList { return nonSpecialIP(ip, p) }

// Overhead reports faulty amounts that a runtime adds to its pods, at p.
func Overhead(list v1.ResourceList, p *field.Path) field.ErrorList {
	r := podRules{}
	return r.requirements(&v1.ResourceRequirements{Limits: list}, p, containerResourceName)
}

// RoundResources rounds amounts up to what the API keeps, thousandths.
func RoundResources(list v1.ResourceList) { roundResources(list) }

// TopologySelectors reports faulty or doubled topology terms at p.
func TopologySelectors(terms []v1.TopologySelectorTerm, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, t := range terms {
		keys := map[string]bool{}
		for j, e := range t.MatchLabelExpressions {
			ep := p.Index(i).Child("matchLabelExpressions").Index(j)
			errs = append(errs, meta.QualifiedName(e.Key, ep.Child("key"))...)
			if keys[e.Key] {
				errs = append(errs, field.Duplicate(ep.Child("key"), e.Key))
			}
			keys[e.Key] = true
			if len(e.Values) == 0 {
				errs = append(errs, field.Required(ep.Child("values"), ""))
			}
			values := map[string]bool{}
			for k, v := range e.Values {
				if values[v] {
					errs = append(errs, field.Duplicate(ep.Child("values").Index(k), v))
				}
				values[v] = true
			}
		}
	}
	return errs
}
