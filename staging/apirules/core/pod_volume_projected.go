package core

import (
	"fmt"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/proa-sh/proa/staging/apirules/meta"
)

// projected rules a volume that is put together from several sources: each file is written by one of them only.
func (r *podRules) projected(pv *v1.ProjectedVolumeSource, p *field.Path) field.ErrorList {
	errs := optionalMode(pv.DefaultMode, p.Child("defaultMode"))
	files := sets.New[string]()
	for i := range pv.Sources {
		errs = append(errs, r.projection(&pv.Sources[i], files, p.Child("sources").Index(i))...)
	}
	return errs
}

func (r *podRules) projection(s *v1.VolumeProjection, files sets.Set[string], p *field.Path) field.ErrorList {
	var l []sourceRule
	addSource(&l, "secret", s.Secret, func(s *v1.SecretProjection, p *field.Path) field.ErrorList {
		return projectedKeys(s.Name, s.Items, files, p)
	})
	addSource(&l, "configMap", s.ConfigMap, func(c *v1.ConfigMapProjection, p *field.Path) field.ErrorList {
		return projectedKeys(c.Name, c.Items, files, p)
	})
	addSource(&l, "downwardAPI", s.DownwardAPI, func(d *v1.DownwardAPIProjection, p *field.Path) field.ErrorList {
		errs := downwardFiles(d.Items, p)
		for i := range d.Items {
			errs = append(errs, newFile(d.Items[i].Path, files, p)...)
		}
		return errs
	})
	addSource(&l, "serviceAccountToken", s.ServiceAccountToken, func(t *v1.ServiceAccountTokenProjection, p *field.Path) field.ErrorList {
		return append(r.projectedToken(t, p), newFile(t.Path, files, p)...)
	})
	addSource(&l, "clusterTrustBundle", s.ClusterTrustBundle, func(b *v1.ClusterTrustBundleProjection, p *field.Path) field.ErrorList {
		return append(r.projectedTrustBundle(b, p), newFile(b.Path, files, p)...)
	})
	addSource(&l, "podCertificate", s.PodCertificate, func(c *v1.PodCertificateProjection, p *field.Path) field.ErrorList {
		return projectedCertificate(c, files, p)
	})
	if len(l) == 0 {
		return field.ErrorList{field.Required(p, "must specify a projection type")}
	}
	var errs field.ErrorList
	for i, source := range l {
		if i > 0 {
			errs = append(errs, field.Forbidden(p.Child(source.name), "may not specify more than 1 volume type"))
			continue
		}
		errs = append(errs, source.rules(p.Child(source.name))...)
	}
	return errs
}

func newFile(name string, files sets.Set[string], p *field.Path) field.ErrorList {
	if name == "" {
		return nil
	}
	if files.Has(name) {
		return field.ErrorList{field.Invalid(p, name, "conflicting duplicate paths")}
	}
	files.Insert(name)
	return nil
}

func projectedKeys(name string, items []v1.KeyToPath, files sets.Set[string], p *field.Path) field.ErrorList {
	errs := meta.Required(name, p.Child("name"))
	for i := range items {
		ip := p.Child("items").Index(i)
		errs = append(errs, keyToPath(&items[i], ip)...)
		errs = append(errs, newFile(items[i].Path, files, p)...)
	}
	return errs
}

func (r *podRules) projectedToken(t *v1.ServiceAccountTokenProjection, p *field.Path) field.ErrorList {
	const minSeconds, maxSeconds = 10 * 60, int64(1) << 32
	var errs field.ErrorList
	if t.ExpirationSeconds != nil && *t.ExpirationSeconds < minSeconds {
		errs = append(errs, field.Invalid(p.Child("expirationSeconds"), *t.ExpirationSeconds, "may not specify a duration less than 10 minutes"))
	}
	if t.ExpirationSeconds != nil && *t.ExpirationSeconds > maxSeconds {
		errs = append(errs, field.Invalid(p.Child("expirationSeconds"), *t.ExpirationSeconds, "may not specify a duration larger than 2^32 seconds"))
	}
	if t.Path == "" {
		return append(errs, field.Required(p.Child("path"), ""))
	}
	if r.tolerance.tokenPaths {
		return errs
	}
	return append(errs, meta.LocalFilePath(t.Path, p.Child("path"))...)
}

// tokensWithoutAccount forbids a pod, whose account admission has filled in, to ask for tokens of no account.
func tokensWithoutAccount(s *v1.PodSpec, p *field.Path) field.ErrorList {
	if s.ServiceAccountName != "" {
		return nil
	}
	var errs field.ErrorList
	for i := range s.Volumes {
		if s.Volumes[i].Projected == nil {
			continue
		}
		for j, source := range s.Volumes[i].Projected.Sources {
			if source.ServiceAccountToken != nil {
				errs = append(errs, field.Forbidden(p.Child("volumes").Index(i).Child("projected", "sources").Index(j).Child("serviceAccountToken"),
					"must not be specified when serviceAccountName is not set"))
			}
		}
	}
	return errs
}

func (r *podRules) projectedTrustBundle(b *v1.ClusterTrustBundleProjection, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	byName, bySigner := b.Name != nil, b.SignerName != nil
	switch {
	case byName && bySigner:
		errs = append(errs, field.Invalid(p, b, "only one of name and signerName may be used"))
	case byName:
		if *b.Name == "" {
			errs = append(errs, field.Required(p.Child("name"), "must be a valid object name"))
		} else {
			errs = append(errs, meta.Invalid(*b.Name, p.Child("name"), validation.IsDNS1123Subdomain(*b.Name))...)
		}
		if b.LabelSelector != nil {
			errs = append(errs, field.Invalid(p.Child("labelSelector"), b.LabelSelector, "labelSelector must be unset if name is specified"))
		}
	case bySigner:
		if *b.SignerName == "" {
			errs = append(errs, field.Required(p.Child("signerName"), "must be a valid signer name"))
		} else {
			errs = append(errs, meta.SignerName(*b.SignerName, p.Child("signerName"))...)
		}
		errs = append(errs, meta.Selector(b.LabelSelector, p.Child("labelSelector"), false)...)
	default:
		errs = append(errs, field.Required(p, "either name or signerName must be specified"))
	}
	errs = append(errs, meta.Required(b.Path, p.Child("path"))...)
	return append(errs, meta.LocalFilePath(b.Path, p.Child("path"))...)
}

// Bounds of projected certificates, in seconds; certificates of Kubernetes' own signers live a day at most (KEP-4317).
const (
	minCertificateSeconds    = 3600
	maxCertificateSeconds    = 91 * 24 * 3600
	maxOwnCertificateSeconds = 24 * 3600
)

func projectedCertificate(c *v1.PodCertificateProjection, files sets.Set[string], p *field.Path) field.ErrorList {
	errs := meta.SignerName(c.SignerName, p.Child("signerName"))
	errs = append(errs, meta.In(c.KeyType, p.Child("keyType"),
		"RSA3072", "RSA4096", "ECDSAP256", "ECDSAP384", "ECDSAP521", "ED25519")...)
	if v := c.MaxExpirationSeconds; v != nil {
		limit := int32(maxCertificateSeconds)
		if meta.IsKubernetesSigner(c.SignerName) {
			limit = maxOwnCertificateSeconds
		}
		if *v < minCertificateSeconds {
			errs = append(errs, field.Invalid(p.Child("maxExpirationSeconds"), *v, fmt.Sprintf("if provided, maxExpirationSeconds must be >= %d", minCertificateSeconds)))
		} else if *v > limit {
			errs = append(errs, field.Invalid(p.Child("maxExpirationSeconds"), *v, fmt.Sprintf("if provided, maxExpirationSeconds must be <= %d", limit)))
		}
	}
	n := 0
	for _, f := range []struct{ name, path string }{
		{"credentialBundlePath", c.CredentialBundlePath}, {"keyPath", c.KeyPath}, {"certificateChainPath", c.CertificateChainPath},
	} {
		if f.path == "" {
			continue
		}
		n++
		errs = append(errs, meta.LocalFilePath(f.path, p.Child(f.name))...)
		errs = append(errs, newFile(f.path, files, p.Child(f.name))...)
	}
	if n == 0 {
		errs = append(errs, field.Required(p, "specify at least one of credentialBundlePath, keyPath, and certificateChainPath"))
	}
	for key := range c.UserAnnotations {
		errs = append(errs, validation.IsDomainPrefixedKey(p.Child("userAnnotations"), key)...)
	}
	return errs
}
