package core

import (
	"fmt"
	"regexp"
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/proa-sh/proa/staging/apirules/meta"
)

// podSecurity rules the pod's security context and the host's namespaces it may share.
func (r *podRules) podSecurity(p *field.Path) field.ErrorList {
	s := r.spec
	var errs field.ErrorList
	if s.ShareProcessNamespace != nil && *s.ShareProcessNamespace && s.HostPID {
		errs = append(errs, field.Invalid(p.Child("shareProcessNamespace"), *s.ShareProcessNamespace, "ShareProcessNamespace and HostPID cannot both be enabled"))
	}
	errs = append(errs, r.hostUsers(p)...)
	sc, sp := s.SecurityContext, p.Child("securityContext")
	if sc == nil {
		return append(errs, r.hostProcess(p)...)
	}
	errs = append(errs, userID(sc.RunAsUser, sp.Child("runAsUser"))...)
	errs = append(errs, groupID(sc.RunAsGroup, sp.Child("runAsGroup"))...)
	errs = append(errs, groupID(sc.FSGroup, sp.Child("fsGroup"))...)
	for i := range sc.SupplementalGroups {
		errs = append(errs, groupID(&sc.SupplementalGroups[i], sp.Child("supplementalGroups").Index(i))...)
	}
	errs = append(errs, r.sysctls(sc.Sysctls, sp.Child("sysctls"))...)
	if v := sc.FSGroupChangePolicy; v != nil {
		errs = append(errs, meta.In(*v, sp.Child("fsGroupChangePolicy"), v1.FSGroupChangeAlways, v1.FSGroupChangeOnRootMismatch)...)
	}
	if v := sc.SupplementalGroupsPolicy; v != nil {
		errs = append(errs, meta.In(*v, sp.Child("supplementalGroupsPolicy"), v1.SupplementalGroupsPolicyMerge, v1.SupplementalGroupsPolicyStrict)...)
	}
	errs = append(errs, r.seLinuxChangePolicy(sc, sp.Child("seLinuxChangePolicy"))...)
	errs = append(errs, seccompProfile(sc.SeccompProfile, sp.Child("seccompProfile"))...)
	errs = append(errs, appArmorProfile(sc.AppArmorProfile, sp.Child("appArmorProfile"))...)
	errs = append(errs, windowsOptions(sc.WindowsOptions, sp.Child("windowsOptions"))...)
	return append(errs, r.hostProcess(p)...)
}

func userID(id *int64, p *field.Path) field.ErrorList {
	if id == nil {
		return nil
	}
	return meta.Invalid(*id, p, validation.IsValidUserID(*id))
}

func groupID(id *int64, p *field.Path) field.ErrorList {
	if id == nil {
		return nil
	}
	return meta.Invalid(*id, p, validation.IsValidGroupID(*id))
}

// hostUsers set to false gives the pod a user namespace, which does not go with the host's other ones (KEP-127).
func (r *podRules) hostUsers(p *field.Path) field.ErrorList {
	s := r.spec
	if s.HostUsers == nil || *s.HostUsers {
		return nil
	}
	var errs field.ErrorList
	forbid := func(set bool, name string) {
		if set {
			errs = append(errs, field.Forbidden(p.Child(name), "when `hostUsers` is false"))
		}
	}
	forbid(s.HostNetwork, "hostNetwork")
	forbid(s.HostPID, "hostPID")
	forbid(s.HostIPC, "hostIPC")
	forEachContainerPath(s, p, func(c *v1.Container, cp *field.Path) {
		if len(c.VolumeDevices) > 0 && !r.tolerance.userDevices {
			errs = append(errs, field.Forbidden(cp.Child("volumeDevices"), "when `hostUsers` is false"))
		}
	})
	return errs
}

// forEachContainerPath is forEachContainer with the containers' paths.
func forEachContainerPath(s *v1.PodSpec, p *field.Path, visit func(*v1.Container, *field.Path)) {
	for i := range s.Containers {
		visit(&s.Containers[i], p.Child("containers").Index(i))
	}
	for i := range s.InitContainers {
		visit(&s.InitContainers[i], p.Child("initContainers").Index(i))
	}
	for i := range s.EphemeralContainers {
		visit((*v1.Container)(&s.EphemeralContainers[i].EphemeralContainerCommon), p.Child("ephemeralContainers").Index(i))
	}
}

// The form of sysctl names in both spellings, with dots or with slashes.
const (
	maxSysctlName = 253
	sysctlSegment = `[a-z0-9]([-_a-z0-9]*[a-z0-9])?`
	sysctlForm    = "(" + sysctlSegment + "[\\./])*" + sysctlSegment
)

var sysctlName = regexp.MustCompile("^" + sysctlForm + "$")

func (r *podRules) sysctls(sysctls []v1.Sysctl, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	names := sets.New[string]()
	for i, s := range sysctls {
		np := p.Index(i).Child("name")
		switch {
		case s.Name == "":
			errs = append(errs, field.Required(np, ""))
		case len(s.Name) > maxSysctlName || !sysctlName.MatchString(s.Name):
			errs = append(errs, field.Invalid(np, s.Name, fmt.Sprintf("must have at most %d characters and match regex %s", maxSysctlName, sysctlForm)))
		case names.Has(s.Name):
			errs = append(errs, field.Duplicate(np, s.Name))
		}
		names.Insert(s.Name)
		if shared := sharedWithHost(r.spec, s.Name); shared != "" && !r.tolerance.sysctls {
			errs = append(errs, field.Invalid(np, s.Name, fmt.Sprintf("may not be specified when '%s' is true", shared)))
		}
	}
	return errs
}

// seLinuxChangePolicy takes MountOption only where it was stored before, as SELinuxMount is off by default (KEP-1710).
func (r *podRules) seLinuxChangePolicy(sc *v1.PodSecurityContext, p *field.Path) field.ErrorList {
	if sc.SELinuxChangePolicy == nil {
		return nil
	}
	if r.tolerance.mountOption {
		return meta.In(*sc.SELinuxChangePolicy, p, v1.SELinuxChangePolicyMountOption, v1.SELinuxChangePolicyRecursive)
	}
	return meta.In(*sc.SELinuxChangePolicy, p, v1.SELinuxChangePolicyRecursive)
}

func seccompProfile(s *v1.SeccompProfile, p *field.Path) field.ErrorList {
	if s == nil {
		return nil
	}
	if s.Type == "" {
		return field.ErrorList{field.Required(p.Child("type"), "type is required when seccompProfile is set")}
	}
	switch {
	case s.Type == v1.SeccompProfileTypeLocalhost && s.LocalhostProfile == nil:
		return field.ErrorList{field.Required(p.Child("localhostProfile"), "must be set when seccomp type is Localhost")}
	case s.Type == v1.SeccompProfileTypeLocalhost:
		return meta.LocalPath(*s.LocalhostProfile, p.Child("localhostProfile"))
	}
	var errs field.ErrorList
	if s.LocalhostProfile != nil {
		errs = append(errs, field.Invalid(p.Child("localhostProfile"), s, "can only be set when seccomp type is Localhost"))
	}
	return append(errs, meta.In(s.Type, p.Child("type"),
		v1.SeccompProfileTypeLocalhost, v1.SeccompProfileTypeRuntimeDefault, v1.SeccompProfileTypeUnconfined)...)
}

// maxAppArmorProfile is the length of the longest profile name that Linux takes.
const maxAppArmorProfile = 4095

func appArmorProfile(a *v1.AppArmorProfile, p *field.Path) field.ErrorList {
	if a == nil {
		return nil
	}
	lp := p.Child("localhostProfile")
	switch a.Type {
	case v1.AppArmorProfileTypeLocalhost:
		if a.LocalhostProfile == nil {
			return field.ErrorList{field.Required(lp, "must be set when AppArmor type is Localhost")}
		}
		return appArmorProfileName(*a.LocalhostProfile, lp)
	case v1.AppArmorProfileTypeRuntimeDefault, v1.AppArmorProfileTypeUnconfined:
		if a.LocalhostProfile != nil {
			return field.ErrorList{field.Invalid(lp, a.LocalhostProfile, "can only be set when AppArmor type is Localhost")}
		}
		return nil
	case "":
		return field.ErrorList{field.Required(p.Child("type"), "type is required when appArmorProfile is set")}
	}
	return field.ErrorList{field.NotSupported(p.Child("type"), a.Type, []v1.AppArmorProfileType{
		v1.AppArmorProfileTypeLocalhost, v1.AppArmorProfileTypeRuntimeDefault, v1.AppArmorProfileTypeUnconfined})}
}

func appArmorProfileName(name string, p *field.Path) field.ErrorList {
	trimmed := strings.TrimSpace(name)
	switch {
	case trimmed != name:
		return field.ErrorList{field.Invalid(p, name, "must not be padded with whitespace")}
	case trimmed == "":
		return field.ErrorList{field.Required(p, "must be set when AppArmor type is Localhost")}
	case len(name) > maxAppArmorProfile:
		return field.ErrorList{field.TooLong(p, name, maxAppArmorProfile)}
	}
	return nil
}

// containerSecurity rules one container's security context.
func (r *podRules) containerSecurity(sc *v1.SecurityContext, p *field.Path) field.ErrorList {
	if sc == nil {
		return nil
	}
	errs := userID(sc.RunAsUser, p.Child("runAsUser"))
	errs = append(errs, groupID(sc.RunAsGroup, p.Child("runAsGroup"))...)
	if v := sc.ProcMount; v != nil {
		errs = append(errs, meta.In(*v, p.Child("procMount"), v1.DefaultProcMount, v1.UnmaskedProcMount)...)
		if *v == v1.UnmaskedProcMount && (r.spec.HostUsers == nil || *r.spec.HostUsers) {
			errs = append(errs, field.Invalid(p.Child("procMount"), *v, "`hostUsers` must be false to use `Unmasked`"))
		}
	}
	errs = append(errs, seccompProfile(sc.SeccompProfile, p.Child("seccompProfile"))...)
	errs = append(errs, appArmorProfile(sc.AppArmorProfile, p.Child("appArmorProfile"))...)
	errs = append(errs, escalation(sc, p)...)
	return append(errs, windowsOptions(sc.WindowsOptions, p.Child("windowsOptions"))...)
}

// escalation cannot be denied to a container that has it by other means.
func escalation(sc *v1.SecurityContext, p *field.Path) field.ErrorList {
	if sc.AllowPrivilegeEscalation == nil || *sc.AllowPrivilegeEscalation {
		return nil
	}
	var errs field.ErrorList
	if sc.Privileged != nil && *sc.Privileged {
		errs = append(errs, field.Invalid(p, sc, "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"))
	}
	if sc.Capabilities != nil {
		for _, c := range sc.Capabilities.Add {
			if c == "CAP_SYS_ADMIN" {
				errs = append(errs, field.Invalid(p, sc, "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN"))
			}
		}
	}
	return errs
}
