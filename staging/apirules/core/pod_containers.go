package core

import (
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/proa-sh/proa/staging/apirules/meta"
)

func isSidecar(c *v1.Container) bool {
	return c.RestartPolicy != nil && *c.RestartPolicy == v1.ContainerRestartPolicyAlways
}

func (r *podRules) containers(p *field.Path) field.ErrorList {
	if len(r.spec.Containers) == 0 {
		return field.ErrorList{field.Required(p, "")}
	}
	var errs field.ErrorList
	for i := range r.spec.Containers {
		c, cp := &r.spec.Containers[i], p.Index(i)
		errs = append(errs, r.container(c, cp)...)
		errs = append(errs, r.uniqueName(c.Name, cp)...)
		errs = append(errs, r.lifecycleAndProbes(c, cp)...)
		errs = append(errs, r.containerRestart(c, cp)...)
		errs = append(errs, r.resizePolicy(c, cp.Child("resizePolicy"))...)
	}
	return errs
}

func (r *podRules) initContainers(p *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i := range r.spec.InitContainers {
		c, cp := &r.spec.InitContainers[i], p.Index(i)
		errs = append(errs, r.container(c, cp)...)
		errs = append(errs, r.uniqueName(c.Name, cp)...)
		errs = append(errs, r.containerRestart(c, cp)...)
		errs = append(errs, r.resizePolicy(c, cp.Child("resizePolicy"))...)
		if isSidecar(c) {
			errs = append(errs, r.lifecycleAndProbes(c, cp)...)
		} else {
			errs = append(errs, onlyForSidecars(c, cp)...)
			if restartsOnResize(c) && !r.tolerance.initRestart {
				errs = append(errs, field.Invalid(cp.Child("resizePolicy"), v1.RestartContainer, "must be 'NotRequired' for non-sidecar init containers"))
			}
		}
	}
	return errs
}

// restartsOnResize says whether a container is to be started anew when its resources change. One that runs to its end is
// not: what it has done so far would be lost (KEP-1287).
func restartsOnResize(c *v1.Container) bool {
	return slices.ContainsFunc(c.ResizePolicy, func(p v1.ContainerResizePolicy) bool { return p.RestartPolicy == v1.RestartContainer })
}

// onlyForSidecars forbids what makes no sense for a container that runs to its end.
func onlyForSidecars(c *v1.Container, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	forbid := func(set bool, name string) {
		if set {
			errs = append(errs, field.Forbidden(p.Child(name), "may not be set for init containers without restartPolicy=Always"))
		}
	}
	forbid(c.Lifecycle != nil, "lifecycle")
	forbid(c.LivenessProbe != nil, "livenessProbe")
	forbid(c.ReadinessProbe != nil, "readinessProbe")
	forbid(c.StartupProbe != nil, "startupProbe")
	return errs
}

func (r *podRules) uniqueName(name string, p *field.Path) field.ErrorList {
	if name == "" {
		return nil // reported as required
	}
	if r.names.Has(name) {
		return field.ErrorList{duplicateName(p, name)}
	}
	r.names.Insert(name)
	return nil
}

func (r *podRules) ephemeralContainers(p *field.Path) field.ErrorList {
	targets := r.names.Clone()
	var errs field.ErrorList
	for i := range r.spec.EphemeralContainers {
		ec, cp := &r.spec.EphemeralContainers[i], p.Index(i)
		c := (*v1.Container)(&ec.EphemeralContainerCommon)
		errs = append(errs, r.container(c, cp)...)
		errs = append(errs, r.uniqueName(c.Name, cp)...)
		if ec.TargetContainerName != "" && !targets.Has(ec.TargetContainerName) {
			errs = append(errs, field.NotFound(cp.Child("targetContainerName"), ec.TargetContainerName))
		}
		errs = append(errs, notForEphemeral(c, cp)...)
	}
	return errs
}

// notForEphemeral forbids what has no meaning for a container that joins a running pod.
func notForEphemeral(c *v1.Container, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	forbid := func(set bool, path *field.Path) {
		if set {
			errs = append(errs, field.Forbidden(path, "cannot be set for an Ephemeral Container"))
		}
	}
	forbid(c.Lifecycle != nil, p.Child("lifecycle"))
	forbid(c.LivenessProbe != nil, p.Child("livenessProbe"))
	forbid(c.ReadinessProbe != nil, p.Child("readinessProbe"))
	forbid(c.StartupProbe != nil, p.Child("startupProbe"))
	forbid(len(c.Ports) > 0, p.Child("ports"))
	forbid(len(c.ResizePolicy) > 0, p.Child("resizePolicy"))
	forbid(c.RestartPolicy != nil, p.Child("restartPolicy"))
	forbid(len(c.RestartPolicyRules) > 0, p.Child("restartPolicyRules"))
	forbid(len(c.Resources.Limits)+len(c.Resources.Requests)+len(c.Resources.Claims) > 0, p.Child("resources"))
	for i, m := range c.VolumeMounts {
		forbid(m.SubPath != "", p.Child("volumeMounts").Index(i).Child("subPath"))
		forbid(m.SubPathExpr != "", p.Child("volumeMounts").Index(i).Child("subPathExpr"))
	}
	return errs
}

// container rules what all kinds of containers have in common.
func (r *podRules) container(c *v1.Container, p *field.Path) field.ErrorList {
	errs := meta.DNSLabel(c.Name, p.Child("name"))
	errs = append(errs, r.image(c.Image, p.Child("image"))...)
	errs = append(errs, meta.OneOf(c.TerminationMessagePolicy, p.Child("terminationMessagePolicy"),
		v1.TerminationMessageReadFile, v1.TerminationMessageFallbackToLogsOnError)...)
	errs = append(errs, meta.OneOf(c.ImagePullPolicy, p.Child("imagePullPolicy"),
		v1.PullAlways, v1.PullIfNotPresent, v1.PullNever)...)
	errs = append(errs, r.ports(c.Ports, p.Child("ports"))...)
	errs = append(errs, r.env(c.Env, p.Child("env"))...)
	errs = append(errs, envFrom(c.EnvFrom, p.Child("envFrom"))...)
	errs = append(errs, r.volumeMounts(c, p.Child("volumeMounts"))...)
	errs = append(errs, r.volumeDevices(c, p.Child("volumeDevices"))...)
	errs = append(errs, r.containerResources(&c.Resources, p.Child("resources"))...)
	return append(errs, r.containerSecurity(c.SecurityContext, p.Child("securityContext"))...)
}

// image lets templates keep surrounding blanks, which were always stored.
func (r *podRules) image(image string, p *field.Path) field.ErrorList {
	if image == "" {
		return field.ErrorList{field.Required(p, "")}
	}
	if r.pod && strings.TrimSpace(image) != image {
		return field.ErrorList{field.Invalid(p, image, "must not have leading or trailing whitespace")}
	}
	return nil
}

// maxRestartRules and maxRestartExitCodes bound the lists of KEP-5307.
const (
	maxRestartRules     = 20
	maxRestartExitCodes = 255
)

// containerRestart rules a container's own restart policy and its rules by exit code (KEP-753, KEP-5307).
func (r *podRules) containerRestart(c *v1.Container, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	if c.RestartPolicy != nil {
		errs = append(errs, meta.In(*c.RestartPolicy, p.Child("restartPolicy"), v1.ContainerRestartPolicyAlways,
			v1.ContainerRestartPolicyNever, v1.ContainerRestartPolicyOnFailure)...)
	}
	rules, rp := c.RestartPolicyRules, p.Child("restartPolicyRules")
	if len(rules) == 0 {
		return errs
	}
	if c.RestartPolicy == nil {
		errs = append(errs, field.Required(p.Child("restartPolicy"), "must specify restartPolicy when restart rules are used"))
	}
	if len(rules) > maxRestartRules {
		errs = append(errs, field.TooLong(rp, rules, maxRestartRules))
	}
	for i := range rules {
		errs = append(errs, restartRule(&rules[i], rp.Index(i))...)
	}
	return errs
}

func restartRule(rule *v1.ContainerRestartRule, p *field.Path) field.ErrorList {
	errs := meta.In(rule.Action, p.Child("action"),
		v1.ContainerRestartRuleActionRestart, v1.ContainerRestartRuleActionRestartAllContainers)
	if rule.ExitCodes == nil {
		return append(errs, field.Required(p.Child("exitCodes"), "must be specified"))
	}
	ep := p.Child("exitCodes")
	errs = append(errs, meta.In(rule.ExitCodes.Operator, ep.Child("operator"),
		v1.ContainerRestartRuleOnExitCodesOpIn, v1.ContainerRestartRuleOnExitCodesOpNotIn)...)
	if n := len(rule.ExitCodes.Values); n == 0 {
		errs = append(errs, field.Invalid(ep.Child("values"), rule.ExitCodes.Values, "must have at least one value"))
	} else if n > maxRestartExitCodes {
		errs = append(errs, field.TooLong(ep.Child("values"), rule.ExitCodes.Values, maxRestartExitCodes))
	}
	return errs
}
