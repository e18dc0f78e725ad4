package core

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/registry/rest"

	"github.com/proa-sh/proa/pkg/api/columns"
	"github.com/proa-sh/proa/pkg/api/convert"
	"github.com/proa-sh/proa/staging/apidef"
	rules "github.com/proa-sh/proa/staging/apirules/core"
)

// event is served in two groups; ttl is how long storage keeps one.
func event(ttl time.Duration) apidef.Definition {
	type object = *corev1.Event
	return (&apidef.Resource[corev1.Event, object]{
		Names: apidef.Names{
			Kind:       corev1.SchemeGroupVersion.WithKind("Event"),
			Plural:     "events",
			Singular:   "event",
			ShortNames: []string{"ev"},
			Spokes: []apidef.Spoke{{
				Kind:        eventsv1.SchemeGroupVersion.WithKind("Event"),
				AddToScheme: convert.AddEvents,
				FieldLabels: eventLabels,
			}},
		},
		NewList:        func() runtime.Object { return &corev1.EventList{} },
		Validate:       rules.ValidateEvent,
		ValidateUpdate: rules.ValidateEventUpdate,
		SpokeRules: map[schema.GroupVersion]apidef.Rules[object]{
			eventsv1.SchemeGroupVersion: {Validate: rules.ValidateEventsV1Event, ValidateUpdate: rules.ValidateEventsV1EventUpdate},
		},
		CreateOnUpdate: true,
		Dependents:     rest.Unsupported,
		TTL:            func(object) uint64 { return uint64(ttl / time.Second) },
		Fields: map[string]func(object) string{
			"involvedObject.kind":            func(e object) string { return e.InvolvedObject.Kind },
			"involvedObject.namespace":       func(e object) string { return e.InvolvedObject.Namespace },
			"involvedObject.name":            func(e object) string { return e.InvolvedObject.Name },
			"involvedObject.uid":             func(e object) string { return string(e.InvolvedObject.UID) },
			"involvedObject.apiVersion":      func(e object) string { return e.InvolvedObject.APIVersion },
			"involvedObject.resourceVersion": func(e object) string { return e.InvolvedObject.ResourceVersion },
			"involvedObject.fieldPath":       func(e object) string { return e.InvolvedObject.FieldPath },
			"reason":                         func(e object) string { return e.Reason },
			"reportingComponent":             func(e object) string { return e.ReportingController },
			"source":                         func(e object) string { return columns.Or(e.Source.Component, e.ReportingController) },
			"type":                           func(e object) string { return e.Type },
		},
		Columns: eventColumns(),
	}).Define()
}

// eventLabels are the names that events.k8s.io/v1 has for the selectable fields of an event.
var eventLabels = map[string]string{
	"regarding.kind":            "involvedObject.kind",
	"regarding.namespace":       "involvedObject.namespace",
	"regarding.name":            "involvedObject.name",
	"regarding.uid":             "involvedObject.uid",
	"regarding.apiVersion":      "involvedObject.apiVersion",
	"regarding.resourceVersion": "involvedObject.resourceVersion",
	"regarding.fieldPath":       "involvedObject.fieldPath",
	"reason":                    "reason",
	"reportingController":       "reportingComponent",
	"type":                      "type",
}

func eventColumns() []apidef.Column[*corev1.Event] {
	type object = *corev1.Event
	doc := corev1.Event{}.SwaggerDoc()
	name := apidef.Name[object]()
	name.Wide = true
	return []apidef.Column[object]{
		{Name: "Last Seen", Description: doc["lastTimestamp"], Value: func(e object) any { return lastSeen(e) }},
		{Name: "Type", Description: doc["type"], Value: func(e object) any { return e.Type }},
		{Name: "Reason", Description: doc["reason"], Value: func(e object) any { return e.Reason }},
		{Name: "Object", Description: doc["involvedObject"], Value: func(e object) any { return eventObject(&e.InvolvedObject) }},
		{Name: "Subobject", Wide: true, Description: corev1.ObjectReference{}.SwaggerDoc()["fieldPath"],
			Value: func(e object) any { return e.InvolvedObject.FieldPath }},
		{Name: "Source", Wide: true, Description: doc["source"], Value: func(e object) any { return eventSource(e) }},
		{Name: "Message", Description: doc["message"], Value: func(e object) any { return strings.TrimSpace(e.Message) }},
		{Name: "First Seen", Wide: true, Description: doc["firstTimestamp"], Value: func(e object) any { return firstSeen(e) }},
		{Name: "Count", Wide: true, Description: doc["count"], Value: func(e object) any { return eventCount(e) }},
		name,
	}
}

func firstSeen(e *corev1.Event) string {
	if e.FirstTimestamp.IsZero() {
		return sinceMicro(e.EventTime)
	}
	return apidef.Since(e.FirstTimestamp)
}

func lastSeen(e *corev1.Event) string {
	switch {
	case e.Series != nil:
		return sinceMicro(e.Series.LastObservedTime)
	case e.LastTimestamp.IsZero():
		return firstSeen(e)
	}
	return apidef.Since(e.LastTimestamp)
}

func sinceMicro(t metav1.MicroTime) string { return apidef.Since(metav1.Time{Time: t.Time}) }

// eventCount counts one for an event that does not say.
func eventCount(e *corev1.Event) int64 {
	switch {
	case e.Series != nil:
		return int64(e.Series.Count)
	case e.Count == 0:
		return 1
	}
	return int64(e.Count)
}

func eventObject(o *corev1.ObjectReference) string {
	kind := strings.ToLower(o.Kind)
	if o.Name == "" {
		return kind
	}
	return fmt.Sprintf("%s/%s", kind, o.Name)
}

// eventSource names the component that reported the event and where it runs.
func eventSource(e *corev1.Event) string {
	component, host := columns.Or(e.Source.Component, e.ReportingController), columns.Or(e.Source.Host, e.ReportingInstance)
	if host == "" {
		return component
	}
	return component + ", " + host
}
