package core

import (
	"fmt"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/proa-sh/proa/staging/apirules/meta"
)

// lifecycleAndProbes rules the handlers of a container that is meant to keep running.
func (r *podRules) lifecycleAndProbes(c *v1.Container, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	grace := r.spec.TerminationGracePeriodSeconds
	if c.Lifecycle != nil {
		errs = append(errs, r.lifecycle(c.Lifecycle, p.Child("lifecycle"))...)
	}
	errs = append(errs, r.probe(c.LivenessProbe, grace, p.Child("livenessProbe"))...)
	errs = append(errs, r.probe(c.ReadinessProbe, grace, p.Child("readinessProbe"))...)
	errs = append(errs, r.probe(c.StartupProbe, grace, p.Child("startupProbe"))...)
	if lp := c.LivenessProbe; lp != nil && lp.SuccessThreshold != 1 {
		errs = append(errs, field.Invalid(p.Child("livenessProbe", "successThreshold"), lp.SuccessThreshold, "must be 1"))
	}
	if sp := c.StartupProbe; sp != nil && sp.SuccessThreshold != 1 {
		errs = append(errs, field.Invalid(p.Child("startupProbe", "successThreshold"), sp.SuccessThreshold, "must be 1"))
	}
	if rp := c.ReadinessProbe; rp != nil && rp.TerminationGracePeriodSeconds != nil {
		errs = append(errs, field.Invalid(p.Child("readinessProbe", "terminationGracePeriodSeconds"), *rp.TerminationGracePeriodSeconds,
			"must not be set for readinessProbes"))
	}
	return errs
}

func (r *podRules) lifecycle(l *v1.Lifecycle, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	if l.PostStart != nil {
		errs = append(errs, r.handler(lifecycleHandler(l.PostStart), p.Child("postStart"))...)
	}
	if l.PreStop != nil {
		errs = append(errs, r.handler(lifecycleHandler(l.PreStop), p.Child("preStop"))...)
	}
	if l.StopSignal != nil {
		errs = append(errs, r.stopSignal(*l.StopSignal, p.Child("stopSignal"))...)
	}
	return errs
}

// handlerKinds is the union of what probes and lifecycle hooks can do.
type handlerKinds struct {
	exec  *v1.ExecAction
	http  *v1.HTTPGetAction
	tcp   *v1.TCPSocketAction
	grpc  *v1.GRPCAction
	sleep *v1.SleepAction
}

func lifecycleHandler(h *v1.LifecycleHandler) handlerKinds {
	return handlerKinds{exec: h.Exec, http: h.HTTPGet, tcp: h.TCPSocket, sleep: h.Sleep}
}

func (r *podRules) probe(probe *v1.Probe, grace *int64, p *field.Path) field.ErrorList {
	if probe == nil {
		return nil
	}
	h := handlerKinds{exec: probe.Exec, http: probe.HTTPGet, tcp: probe.TCPSocket, grpc: probe.GRPC}
	errs := r.handler(h, p)
	errs = append(errs, meta.NonNegative(probe.InitialDelaySeconds, p.Child("initialDelaySeconds"))...)
	errs = append(errs, meta.NonNegative(probe.TimeoutSeconds, p.Child("timeoutSeconds"))...)
	errs = append(errs, meta.NonNegative(probe.PeriodSeconds, p.Child("periodSeconds"))...)
	errs = append(errs, meta.NonNegative(probe.SuccessThreshold, p.Child("successThreshold"))...)
	errs = append(errs, meta.NonNegative(probe.FailureThreshold, p.Child("failureThreshold"))...)
	if g := probe.TerminationGracePeriodSeconds; g != nil && *g <= 0 {
		errs = append(errs, field.Invalid(p.Child("terminationGracePeriodSeconds"), *g, "must be greater than 0"))
	}
	return errs
}

func (r *podRules) handler(h handlerKinds, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	n := 0
	one := func(name string, rules func(*field.Path) field.ErrorList) {
		if n++; n > 1 {
			errs = append(errs, field.Forbidden(p.Child(name), "may not specify more than 1 handler type"))
			return
		}
		errs = append(errs, rules(p.Child(name))...)
	}
	if h.exec != nil {
		one("exec", func(p *field.Path) field.ErrorList {
			if len(h.exec.Command) == 0 {
				return field.ErrorList{field.Required(p.Child("command"), "")}
			}
			return nil
		})
	}
	if h.http != nil {
		one("httpGet", func(p *field.Path) field.ErrorList { return httpGet(h.http, p) })
	}
	if h.tcp != nil {
		one("tcpSocket", func(p *field.Path) field.ErrorList { return meta.PortNumOrName(h.tcp.Port, p.Child("port")) })
	}
	if h.grpc != nil {
		one("grpc", func(p *field.Path) field.ErrorList {
			return meta.Invalid(h.grpc.Port, p.Child("port"), validation.IsValidPortNum(int(h.grpc.Port)))
		})
	}
	if h.sleep != nil {
		one("sleep", func(p *field.Path) field.ErrorList { return r.sleep(h.sleep, p) })
	}
	if n == 0 {
		errs = append(errs, field.Required(p, "must specify a handler type"))
	}
	return errs
}

// sleep may last as long as the pod has to end, zero included (KEP-3960).
func (r *podRules) sleep(s *v1.SleepAction, p *field.Path) field.ErrorList {
	grace := r.spec.TerminationGracePeriodSeconds
	if grace == nil {
		return nil // defaults fill it
	}
	if s.Seconds < 0 || s.Seconds > *grace {
		return field.ErrorList{field.Invalid(p, s.Seconds, fmt.Sprintf(
			"must be non-negative and less than terminationGracePeriodSeconds (%d)", *grace))}
	}
	return nil
}

func httpGet(h *v1.HTTPGetAction, p *field.Path) field.ErrorList {
	errs := meta.Required(h.Path, p.Child("path"))
	errs = append(errs, meta.PortNumOrName(h.Port, p.Child("port"))...)
	errs = append(errs, meta.In(h.Scheme, p.Child("scheme"), v1.URISchemeHTTP, v1.URISchemeHTTPS)...)
	for _, header := range h.HTTPHeaders {
		errs = append(errs, meta.Invalid(header.Name, p.Child("httpHeaders"), validation.IsHTTPHeaderName(header.Name))...)
	}
	return errs
}

// stopSignal wants to know the operating system, since signals are not the same on all (KEP-4960).
func (r *podRules) stopSignal(s v1.Signal, p *field.Path) field.ErrorList {
	if r.spec.OS == nil {
		return field.ErrorList{field.Forbidden(p, "may not be set for containers with empty `spec.os.name`")}
	}
	switch r.spec.OS.Name {
	case v1.Windows:
		return meta.In(s, p, v1.SIGKILL, v1.SIGTERM)
	case v1.Linux:
		return meta.In(s, p, linuxSignals...)
	}
	return nil // the name is reported by the rules of spec.os
}

var linuxSignals = []v1.Signal{
	v1.SIGABRT, v1.SIGALRM, v1.SIGBUS, v1.SIGCHLD, v1.SIGCLD, v1.SIGCONT, v1.SIGFPE, v1.SIGHUP, v1.SIGILL, v1.SIGINT,
	v1.SIGIO, v1.SIGIOT, v1.SIGKILL, v1.SIGPIPE, v1.SIGPOLL, v1.SIGPROF, v1.SIGPWR, v1.SIGQUIT, v1.SIGSEGV,
	v1.SIGSTKFLT, v1.SIGSTOP, v1.SIGSYS, v1.SIGTERM, v1.SIGTRAP, v1.SIGTSTP, v1.SIGTTIN, v1.SIGTTOU, v1.SIGURG,
	v1.SIGUSR1, v1.SIGUSR2, v1.SIGVTALRM, v1.SIGWINCH, v1.SIGXCPU, v1.SIGXFSZ, v1.SIGRTMIN, v1.SIGRTMINPLUS1,
	v1.SIGRTMINPLUS2, v1.SIGRTMINPLUS3, v1.SIGRTMINPLUS4, v1.SIGRTMINPLUS5, v1.SIGRTMINPLUS6, v1.SIGRTMINPLUS7,
	v1.SIGRTMINPLUS8, v1.SIGRTMINPLUS9, v1.SIGRTMINPLUS10, v1.SIGRTMINPLUS11, v1.SIGRTMINPLUS12, v1.SIGRTMINPLUS13,
	v1.SIGRTMINPLUS14, v1.SIGRTMINPLUS15, v1.SIGRTMAXMINUS14, v1.SIGRTMAXMINUS13, v1.SIGRTMAXMINUS12,
	v1.SIGRTMAXMINUS11, v1.SIGRTMAXMINUS10, v1.SIGRTMAXMINUS9, v1.SIGRTMAXMINUS8, v1.SIGRTMAXMINUS7,
	v1.SIGRTMAXMINUS6, v1.SIGRTMAXMINUS5, v1.SIGRTMAXMINUS4, v1.SIGRTMAXMINUS3, v1.SIGRTMAXMINUS2,
	v1.SIGRTMAXMINUS1, v1.SIGRTMAX,
}
