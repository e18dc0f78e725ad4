package core

import (
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/proa-sh/proa/staging/apirules/meta"
)

// ValidateServiceAccount reports faults of a new service account.
func ValidateServiceAccount(sa *v1.ServiceAccount) field.ErrorList {
	return meta.Namespaced(&sa.ObjectMeta, meta.SubdomainName)
}

// ValidateServiceAccountUpdate reports faults of a service account that is to replace old.
func ValidateServiceAccountUpdate(newSA, old *v1.ServiceAccount) field.ErrorList {
	return append(meta.Update(&newSA.ObjectMeta, &old.ObjectMeta), ValidateServiceAccount(newSA)...)
}

// enforceMountable limits the secrets that pods of an account may mount; deprecated since 1.32.
const enforceMountable = "kubernetes.io/enforce-mountable-secrets"

// ServiceAccountWarnings tells of the deprecated way to limit an account's secrets.
func ServiceAccountWarnings(newSA, old *v1.ServiceAccount) []string {
	if _, ok := newSA.Annotations[enforceMountable]; !ok {
		return nil
	}
	if old != nil {
		if _, had := old.Annotations[enforceMountable]; had {
			return nil
		}
	}
	return []string{"metadata.annotations[" + enforceMountable + "]: deprecated in v1.32+; prefer separate namespaces to isolate access to mounted secrets"}
}

// maxTokenSeconds and minTokenSeconds bound the life of requested tokens: ten minutes and 2^32 seconds.
const (
	minTokenSeconds int64 = 600
	maxTokenSeconds int64 = 1 << 32
)

// ValidateTokenExpiration reports a wanted life of a token that is out of bounds, at p.
func ValidateTokenExpiration(seconds int64, p *field.Path) field.ErrorList {
	if seconds < minTokenSeconds {
		return field.ErrorList{field.Invalid(p, seconds, "may not specify a duration less than 10 minutes")}
	}
	if seconds > maxTokenSeconds {
		return field.ErrorList{field.Invalid(p, seconds, "may not specify a duration larger than 2^32 seconds")}
	}
	return nil
}
