package core

import (
	"fmt"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilvalidation "k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/proa-sh/proa/staging/apirules/meta"
)

// Longest values of an event of the new form.
const (
	maxEventReason   = 128
	maxEventAction   = 128
	maxEventInstance = 128
	maxEventNote     = 1024
)

// ValidateEvent reports faults of a new event that was sent to the core group's endpoint. Events without eventTime are of
// the old form, of which little is asked.
func ValidateEvent(e *v1.Event) field.ErrorList {
	errs := eventNamespace(e)
	if e.EventTime.IsZero() {
		return errs
	}
	return append(errs, newFormEvent(e)...)
}

// ValidateEventsV1Event reports faults of a new event that was sent to the events.k8s.io/v1 endpoint, given in the core
// form: the new form is a must, and the fields of the old one stay empty.
func ValidateEventsV1Event(e *v1.Event) field.ErrorList {
	errs := eventNamespace(e)
	errs = append(errs, validation.ValidateObjectMeta(&e.ObjectMeta, true, validation.NameIsDNSSubdomain, field.NewPath("metadata"))...)
	if e.EventTime.IsZero() {
		errs = append(errs, field.Required(field.NewPath("eventTime"), ""))
	}
	errs = append(errs, meta.In(e.Type, field.NewPath("type"), v1.EventTypeNormal, v1.EventTypeWarning)...)
	if !e.FirstTimestamp.IsZero() {
		errs = append(errs, field.Invalid(field.NewPath("firstTimestamp"), "", "needs to be unset"))
	}
	if !e.LastTimestamp.IsZero() {
		errs = append(errs, field.Invalid(field.NewPath("lastTimestamp"), "", "needs to be unset"))
	}
	if e.Count != 0 {
		errs = append(errs, field.Invalid(field.NewPath("count"), "", "needs to be unset"))
	}
	if e.Source.Component != "" || e.Source.Host != "" {
		errs = append(errs, field.Invalid(field.NewPath("source"), "", "needs to be unset"))
	}
	return append(errs, newFormEvent(e)...)
}

// eventNamespace wants an event to lie in its object's namespace; events about cluster-scoped objects lie in default or
// kube-system.
func eventNamespace(e *v1.Event) field.ErrorList {
	p := field.NewPath("involvedObject", "namespace")
	var errs field.ErrorList
	switch {
	case e.InvolvedObject.Namespace == "":
		if e.Namespace != metav1.NamespaceDefault && e.Namespace != metav1.NamespaceSystem {
			errs = append(errs, field.Invalid(p, e.InvolvedObject.Namespace, "does not match event.namespace"))
		}
	case e.Namespace != e.InvolvedObject.Namespace:
		errs = append(errs, field.Invalid(p, e.InvolvedObject.Namespace, "does not match event.namespace"))
	}
	return append(errs, meta.Invalid(e.Namespace, field.NewPath("namespace"), utilvalidation.IsDNS1123Subdomain(e.Namespace))...)
}

func newFormEvent(e *v1.Event) field.ErrorList {
	var errs field.ErrorList
	controller := field.NewPath("reportingController")
	if e.ReportingController == "" {
		errs = append(errs, field.Required(controller, ""))
	}
	errs = append(errs, meta.QualifiedName(e.ReportingController, controller)...)
	need := func(value, name string, limit int) {
		p := field.NewPath(name)
		if value == "" {
			errs = append(errs, field.Required(p, ""))
		}
		if len(value) > limit {
			errs = append(errs, field.Invalid(p, "", fmt.Sprintf("can have at most %v characters", limit)))
		}
	}
	need(e.ReportingInstance, "reportingInstance", maxEventInstance)
	need(e.Action, "action", maxEventAction)
	need(e.Reason, "reason", maxEventReason)
	if len(e.Message) > maxEventNote {
		errs = append(errs, field.Invalid(field.NewPath("message"), "", fmt.Sprintf("can have at most %v characters", maxEventNote)))
	}
	return errs
}

// ValidateEventUpdate reports faults of an event that is to replace old. Of events of the new form only the series,
// metadata and what the old form added may change.
func ValidateEventUpdate(newE, old *v1.Event) field.ErrorList {
	errs := meta.Update(&newE.ObjectMeta, &old.ObjectMeta)
	if !old.EventTime.IsZero() || !newE.EventTime.IsZero() {
		errs = append(errs, eventImmutable(newE, old)...)
	}
	return append(errs, ValidateEvent(newE)...)
}

func eventImmutable(newE, old *v1.Event) field.ErrorList {
	var errs field.ErrorList
	same := func(n, o any, name string) {
		errs = append(errs, meta.Immutable(n, o, field.NewPath(name))...)
	}
	same(newE.InvolvedObject, old.InvolvedObject, "involvedObject")
	same(newE.Reason, old.Reason, "reason")
	same(newE.Message, old.Message, "message")
	same(newE.Source, old.Source, "source")
	same(newE.Type, old.Type, "type")
	// A series' time may be stored less exactly than it was sent.
	if newE.EventTime.UnixMicro() != old.EventTime.UnixMicro() {
		same(newE.EventTime, old.EventTime, "eventTime")
	}
	same(newE.Action, old.Action, "action")
	same(newE.Related, old.Related, "related")
	same(newE.ReportingController, old.ReportingController, "reportingController")
	same(newE.ReportingInstance, old.ReportingInstance, "reportingInstance")
	return errs
}

// ValidateEventsV1EventUpdate is ValidateEventUpdate for the events.k8s.io/v1 endpoint.
func ValidateEventsV1EventUpdate(newE, old *v1.Event) field.ErrorList {
	errs := meta.Update(&newE.ObjectMeta, &old.ObjectMeta)
	errs = append(errs, eventImmutable(newE, old)...)
	errs = append(errs, meta.Immutable(newE.FirstTimestamp, old.FirstTimestamp, field.NewPath("firstTimestamp"))...)
	errs = append(errs, meta.Immutable(newE.LastTimestamp, old.LastTimestamp, field.NewPath("lastTimestamp"))...)
	return append(errs, meta.Immutable(newE.Count, old.Count, field.NewPath("count"))...)
}
