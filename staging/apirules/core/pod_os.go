package core

import (
	"fmt"
	"regexp"
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/proa-sh/proa/staging/apirules/meta"
)

// Lengths of Windows account names: a NetBIOS name or a DNS domain, "\", and a user name.
const (
	maxGMSASpec       = 64 * 1024
	maxNetBIOSDomain  = 15
	maxWindowsDomain  = 256
	maxWindowsUser    = 104
	maxWindowsAccount = maxWindowsDomain + 1 + maxWindowsUser
)

var (
	controlCharacters = regexp.MustCompile(`[[:cntrl:]]+`)
	netBIOSName       = regexp.MustCompile(`^[^\\/:\*\?"<>|]{1,15}$`)
	onlyDotsAndBlanks = regexp.MustCompile(`^[\. ]+$`)
)

const notInWindowsUser = `"/\:;|=,+*?<>@[]`

// windowsOptions rules group managed service accounts and the account that a container runs as.
func windowsOptions(o *v1.WindowsSecurityContextOptions, p *field.Path) field.ErrorList {
	if o == nil {
		return nil
	}
	var errs field.ErrorList
	if v := o.GMSACredentialSpecName; v != nil {
		errs = append(errs, meta.Invalid(*v, p.Child("gmsaCredentialSpecName"), validation.IsDNS1123Subdomain(*v))...)
	}
	if v := o.GMSACredentialSpec; v != nil {
		if *v == "" {
			errs = append(errs, field.Invalid(p.Child("gmsaCredentialSpec"), v, "gmsaCredentialSpec cannot be an empty string"))
		} else if len(*v) > maxGMSASpec {
			errs = append(errs, field.Invalid(p.Child("gmsaCredentialSpec"), v, fmt.Sprintf("gmsaCredentialSpec size must be under %d KiB", maxGMSASpec/1024)))
		}
	}
	if v := o.RunAsUserName; v != nil {
		errs = append(errs, windowsUserName(*v, p.Child("runAsUserName"))...)
	}
	return errs
}

func windowsUserName(name string, p *field.Path) field.ErrorList {
	invalid := func(words string) field.ErrorList { return field.ErrorList{field.Invalid(p, name, words)} }
	switch {
	case name == "":
		return invalid("runAsUserName cannot be an empty string")
	case controlCharacters.MatchString(name):
		return invalid("runAsUserName cannot contain control characters")
	}
	parts := strings.Split(name, `\`)
	if len(parts) > 2 {
		return invalid("runAsUserName cannot contain more than one backslash")
	}
	user := parts[len(parts)-1]
	if len(parts) == 2 {
		domain := parts[0]
		if len(domain) >= maxWindowsDomain {
			return invalid("runAsUserName's Domain length must be under 256 characters")
		}
		dns := len(validation.IsDNS1123Subdomain(strings.ToLower(domain))) == 0
		if !dns && (!netBIOSName.MatchString(domain) || len(domain) > maxNetBIOSDomain) {
			return invalid("runAsUserName's Domain doesn't match the NetBios nor the DNS format")
		}
	}
	switch {
	case user == "":
		return invalid("runAsUserName's User cannot be empty")
	case len(user) > maxWindowsUser:
		return invalid(fmt.Sprintf("runAsUserName's User length must not be longer than %d characters", maxWindowsUser))
	case onlyDotsAndBlanks.MatchString(user):
		return invalid("runAsUserName's User cannot contain only periods or spaces")
	case strings.ContainsAny(user, notInWindowsUser):
		return invalid(fmt.Sprintf("runAsUserName's User cannot contain the following characters: %s", notInWindowsUser))
	}
	return nil
}

// hostProcess rules Windows containers that run on the host: all of a pod's containers or none, on the host's network.
func (r *podRules) hostProcess(p *field.Path) field.ErrorList {
	s := r.spec
	ofPod := (*bool)(nil)
	if s.SecurityContext != nil && s.SecurityContext.WindowsOptions != nil {
		ofPod = s.SecurityContext.WindowsOptions.HostProcess
	}
	var errs field.ErrorList
	with, without := 0, 0
	forEachContainerPath(s, p, func(c *v1.Container, cp *field.Path) {
		effective := ofPod
		if c.SecurityContext != nil && c.SecurityContext.WindowsOptions != nil && c.SecurityContext.WindowsOptions.HostProcess != nil {
			own := c.SecurityContext.WindowsOptions.HostProcess
			if ofPod != nil && *own != *ofPod {
				errs = append(errs, field.Invalid(cp.Child("securityContext", "windowsOptions", "hostProcess"), *own,
					fmt.Sprintf("pod hostProcess value must be identical if both are specified, was %v", *ofPod)))
			}
			effective = own
		}
		if effective != nil && *effective {
			with++
		} else {
			without++
		}
	})
	if with == 0 {
		return errs
	}
	if without > 0 {
		errs = append(errs, field.Invalid(p, "", "If pod contains any hostProcess containers then all containers must be HostProcess containers"))
	}
	if !s.HostNetwork {
		errs = append(errs, field.Invalid(p.Child("hostNetwork"), false, "hostNetwork must be true if pod contains any hostProcess containers"))
	}
	return errs
}

// operatingSystem rules spec.os and forbids the fields that the named system does not have.
func (r *podRules) operatingSystem(p *field.Path) field.ErrorList {
	if r.spec.OS == nil {
		return nil
	}
	switch r.spec.OS.Name {
	case "":
		return field.ErrorList{field.Required(p.Child("os", "name"), "cannot be empty")}
	case v1.Linux:
		return r.linuxFields(p)
	case v1.Windows:
		return r.windowsFields(p)
	}
	return field.ErrorList{field.NotSupported(p.Child("os", "name"), r.spec.OS.Name, []v1.OSName{v1.Linux, v1.Windows})}
}

func (r *podRules) linuxFields(p *field.Path) field.ErrorList {
	const words = "windows options cannot be set for a linux pod"
	var errs field.ErrorList
	if sc := r.spec.SecurityContext; sc != nil && sc.WindowsOptions != nil {
		errs = append(errs, field.Forbidden(p.Child("securityContext", "windowsOptions"), words))
	}
	forEachContainerPath(r.spec, p, func(c *v1.Container, cp *field.Path) {
		if c.SecurityContext != nil && c.SecurityContext.WindowsOptions != nil {
			errs = append(errs, field.Forbidden(cp.Child("securityContext", "windowsOptions"), words))
		}
	})
	return errs
}

func (r *podRules) windowsFields(p *field.Path) field.ErrorList {
	s := r.spec
	var errs field.ErrorList
	forbid := func(set bool, path *field.Path) {
		if set {
			errs = append(errs, field.Forbidden(path, "cannot be set for a windows pod"))
		}
	}
	if sc, sp := s.SecurityContext, p.Child("securityContext"); sc != nil {
		forbid(sc.AppArmorProfile != nil, sp.Child("appArmorProfile"))
		forbid(sc.SELinuxOptions != nil, sp.Child("seLinuxOptions"))
		forbid(sc.SELinuxChangePolicy != nil, sp.Child("seLinuxChangePolicy"))
		forbid(sc.SeccompProfile != nil, sp.Child("seccompProfile"))
		forbid(sc.FSGroup != nil, sp.Child("fsGroup"))
		forbid(sc.FSGroupChangePolicy != nil, sp.Child("fsGroupChangePolicy"))
		forbid(len(sc.Sysctls) > 0, sp.Child("sysctls"))
		forbid(sc.RunAsUser != nil, sp.Child("runAsUser"))
		forbid(sc.RunAsGroup != nil, sp.Child("runAsGroup"))
		forbid(sc.SupplementalGroups != nil, sp.Child("supplementalGroups"))
		forbid(sc.SupplementalGroupsPolicy != nil, sp.Child("supplementalGroupsPolicy"))
	}
	forbid(s.HostUsers != nil, p.Child("hostUsers"))
	forbid(s.HostPID, p.Child("hostPID"))
	forbid(s.HostIPC, p.Child("hostIPC"))
	forbid(s.ShareProcessNamespace != nil, p.Child("shareProcessNamespace"))
	forEachContainerPath(s, p, func(c *v1.Container, cp *field.Path) {
		sc, sp := c.SecurityContext, cp.Child("securityContext")
		if sc == nil {
			return
		}
		forbid(sc.AppArmorProfile != nil, sp.Child("appArmorProfile"))
		forbid(sc.SELinuxOptions != nil, sp.Child("seLinuxOptions"))
		forbid(sc.SeccompProfile != nil, sp.Child("seccompProfile"))
		forbid(sc.Capabilities != nil, sp.Child("capabilities"))
		forbid(sc.ReadOnlyRootFilesystem != nil, sp.Child("readOnlyRootFilesystem"))
		forbid(sc.Privileged != nil, sp.Child("privileged"))
		forbid(sc.AllowPrivilegeEscalation != nil, sp.Child("allowPrivilegeEscalation"))
		forbid(sc.ProcMount != nil, sp.Child("procMount"))
		forbid(sc.RunAsUser != nil, sp.Child("runAsUser"))
		forbid(sc.RunAsGroup != nil, sp.Child("runAsGroup"))
	})
	return errs
}
