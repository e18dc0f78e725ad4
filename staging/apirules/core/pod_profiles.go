package core

import (
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/proa-sh/proa/staging/apirules/meta"
)

// profiles rules the annotations that stood for seccomp and AppArmor fields: form, and agreement with the fields.
func (r *podRules) profiles(annotations map[string]string, specPath *field.Path) field.ErrorList {
	var errs field.ErrorList
	ap := field.NewPath("metadata", "annotations")
	if !r.pod {
		ap = templateAnnotations(specPath)
	}
	for key, value := range annotations {
		switch {
		case key == v1.SeccompPodAnnotationKey, strings.HasPrefix(key, v1.SeccompContainerAnnotationKeyPrefix):
			errs = append(errs, seccompAnnotation(value, ap.Child(key))...)
		case strings.HasPrefix(key, v1.DeprecatedAppArmorBetaContainerAnnotationKeyPrefix):
			name := strings.TrimPrefix(key, v1.DeprecatedAppArmorBetaContainerAnnotationKeyPrefix)
			errs = append(errs, r.appArmorAnnotation(name, value, ap.Key(key))...)
		}
	}
	forEachContainerPath(r.spec, specPath, func(c *v1.Container, cp *field.Path) {
		value, ok := annotations[v1.DeprecatedAppArmorBetaContainerAnnotationKeyPrefix+c.Name]
		if ok && c.SecurityContext != nil && c.SecurityContext.AppArmorProfile != nil && !sameAppArmor(value, c.SecurityContext.AppArmorProfile) {
			errs = append(errs, field.Forbidden(cp.Child("securityContext", "appArmorProfile", "type"), "apparmor type in annotation and field must match"))
		}
	})
	return errs
}

// templateAnnotations is the annotations' path beside a template's spec path.
func templateAnnotations(specPath *field.Path) *field.Path {
	return field.NewPath(strings.TrimSuffix(specPath.String(), ".spec")).Child("annotations")
}

func seccompAnnotation(value string, p *field.Path) field.ErrorList {
	switch {
	case value == v1.SeccompProfileRuntimeDefault, value == v1.DeprecatedSeccompProfileDockerDefault, value == v1.SeccompProfileNameUnconfined:
		return nil
	case strings.HasPrefix(value, v1.SeccompLocalhostProfileNamePrefix):
		return meta.LocalPath(strings.TrimPrefix(value, v1.SeccompLocalhostProfileNamePrefix), p)
	}
	return field.ErrorList{field.Invalid(p, value, "must be a valid seccomp profile")}
}

// seccompMatches wants the annotations and the fields of a new pod to say the same.
func seccompMatches(pod *v1.Pod, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	match := func(key string, profile *v1.SeccompProfile, p *field.Path) {
		value, ok := pod.Annotations[key]
		if !ok || profile == nil {
			return
		}
		file, local := strings.CutPrefix(value, v1.SeccompLocalhostProfileNamePrefix)
		same := true
		switch profile.Type {
		case v1.SeccompProfileTypeUnconfined:
			same = value == v1.SeccompProfileNameUnconfined
		case v1.SeccompProfileTypeRuntimeDefault:
			same = value == v1.SeccompProfileRuntimeDefault || value == v1.DeprecatedSeccompProfileDockerDefault
		case v1.SeccompProfileTypeLocalhost:
			same = local
			if local && (profile.LocalhostProfile == nil || *profile.LocalhostProfile != file) {
				errs = append(errs, field.Forbidden(p.Child("localhostProfile"), "seccomp profile in annotation and field must match"))
			}
		}
		if !same {
			errs = append(errs, field.Forbidden(p.Child("type"), "seccomp type in annotation and field must match"))
		}
	}
	if sc := pod.Spec.SecurityContext; sc != nil {
		match(v1.SeccompPodAnnotationKey, sc.SeccompProfile, p.Child("securityContext", "seccompProfile"))
	}
	forEachContainerPath(&pod.Spec, p, func(c *v1.Container, cp *field.Path) {
		if c.SecurityContext != nil {
			match(v1.SeccompContainerAnnotationKeyPrefix+c.Name, c.SecurityContext.SeccompProfile, cp.Child("securityContext", "seccompProfile"))
		}
	})
	return errs
}

func (r *podRules) appArmorAnnotation(container, value string, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	known := false
	forEachContainer(r.spec, func(c *v1.Container) { known = known || c.Name == container })
	if !known {
		errs = append(errs, field.Invalid(p, container, "container not found"))
	}
	switch {
	case value == "", value == v1.DeprecatedAppArmorBetaProfileRuntimeDefault, value == v1.DeprecatedAppArmorBetaProfileNameUnconfined,
		strings.HasPrefix(value, v1.DeprecatedAppArmorBetaProfileNamePrefix):
	default:
		errs = append(errs, field.Invalid(p, value, "invalid AppArmor profile name: \""+value+"\""))
	}
	return errs
}

func sameAppArmor(annotation string, profile *v1.AppArmorProfile) bool {
	switch {
	case annotation == v1.DeprecatedAppArmorBetaProfileRuntimeDefault:
		return profile.Type == v1.AppArmorProfileTypeRuntimeDefault
	case annotation == v1.DeprecatedAppArmorBetaProfileNameUnconfined:
		return profile.Type == v1.AppArmorProfileTypeUnconfined
	case strings.HasPrefix(annotation, v1.DeprecatedAppArmorBetaProfileNamePrefix):
		name := strings.TrimPrefix(annotation, v1.DeprecatedAppArmorBetaProfileNamePrefix)
		return profile.Type == v1.AppArmorProfileTypeLocalhost && profile.LocalhostProfile != nil && *profile.LocalhostProfile == name
	}
	return true
}
