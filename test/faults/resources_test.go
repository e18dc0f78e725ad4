package faults

import (
	"fmt"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/proa-sh/proa/test/faults/journal"
)

// namespace holds the load; label is on each object of it that a writer makes.
const (
	namespace = "load"
	label     = "faults.proa.sh/load"
	valueKey  = "faults.proa.sh/value"
	podKey    = "FAULTS_POD"
	image     = "docker.io/library/busybox:1.36"
)

type object = map[string]any

// resource is how objects of a sort are written and read as values.
type resource struct {
	schema.GroupVersionResource
	kind string
	// shared objects have a status, which others write.
	shared bool
	// spec is what beside the metadata is to be in an object with that value, and in a merge patch to it.
	spec func(value string) object
	// value reads it back.
	value func(u *unstructured.Unstructured) string
	// fault says what is wrong with an object that a watch tells of; nil looks at nothing.
	fault func(u *unstructured.Unstructured) error
	// holds are what an object was given that nobody else may have.
	holds func(u *unstructured.Unstructured) []string
}

func nothing(*unstructured.Unstructured) []string { return nil }

func annotated(u *unstructured.Unstructured) string { return u.GetAnnotations()[valueKey] }

var configMaps = resource{
	GroupVersionResource: schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}, kind: "ConfigMap",
	spec: func(value string) object { return object{"data": object{"value": value}} },
	value: func(u *unstructured.Unstructured) string {
		text, _, _ := unstructured.NestedString(u.Object, "data", "value")
		return text
	},
	holds: nothing,
}

// services have values "ClusterIP 3": a type and a number. Their type never changes.
var services = resource{
	GroupVersionResource: schema.GroupVersionResource{Version: "v1", Resource: "services"}, kind: "Service",
	spec: func(value string) object {
		kind, _, _ := strings.Cut(value, " ")
		return object{
			"metadata": object{"annotations": object{valueKey: value}},
			"spec":     object{"type": kind, "selector": object{"app": "nobody"}, "ports": []any{object{"port": int64(80), "protocol": "TCP"}}},
		}
	},
	value: annotated,
	holds: func(u *unstructured.Unstructured) []string {
		var held []string
		if ips, _, _ := unstructured.NestedStringSlice(u.Object, "spec", "clusterIPs"); len(ips) > 0 {
			held = append(held, ips...)
		}
		ports, _, _ := unstructured.NestedSlice(u.Object, "spec", "ports")
		for _, one := range ports {
			if port, found, _ := unstructured.NestedInt64(one.(object), "nodePort"); found {
				held = append(held, fmt.Sprintf("port %d", port))
			}
		}
		return held
	},
}

// scaled are workloads with values "3 5 17": the number of replicas, that of the template, and one that makes values differ.
func scaled(name, kind string, more object) resource {
	return resource{
		GroupVersionResource: schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: name}, kind: kind, shared: true,
		spec: func(value string) object {
			replicas, template := numbers(value)
			spec := object{"replicas": replicas, "selector": object{"matchLabels": object{"app": name}}, "template": podTemplate(name, template, sleeping())}
			for key, one := range more {
				spec[key] = one
			}
			return object{"metadata": object{"annotations": object{valueKey: value}}, "spec": spec}
		},
		value: func(u *unstructured.Unstructured) string {
			value := annotated(u)
			replicas, _ := numbers(value)
			if got, _, _ := unstructured.NestedInt64(u.Object, "spec", "replicas"); got != replicas {
				return fmt.Sprintf("%s with %d replicas", value, got)
			}
			return value
		},
		holds: nothing,
	}
}

func numbers(value string) (replicas, template int64) {
	// Values are of this package; there is none before the first.
	_, _ = fmt.Sscan(value, &replicas, &template)
	return replicas, template
}

var (
	deployments  = scaled("deployments", "Deployment", nil)
	statefulSets = scaled("statefulsets", "StatefulSet", object{"serviceName": "nobody", "podManagementPolicy": "Parallel"})
	daemonSets   = resource{
		GroupVersionResource: schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "daemonsets"}, kind: "DaemonSet", shared: true,
		spec: func(value string) object {
			return object{"metadata": object{"annotations": object{valueKey: value}},
				"spec": object{"selector": object{"matchLabels": object{"app": "quiet"}}, "template": podTemplate("quiet", 0, sleeping())}}
		},
		value: annotated, holds: nothing,
	}
	jobs = resource{
		GroupVersionResource: schema.GroupVersionResource{Group: "batch", Version: "v1", Resource: "jobs"}, kind: "Job", shared: true,
		spec: func(value string) object {
			template := podTemplate("jobs", 0, []any{"sh", "-c", "sleep 0.2"})
			template["spec"].(object)["restartPolicy"] = "Never"
			return object{"metadata": object{"annotations": object{valueKey: value}},
				"spec": object{"completions": int64(2), "parallelism": int64(2), "template": template}}
		},
		value: annotated, holds: nothing,
	}
)

// pods are made by controllers.
var pods = resource{
	GroupVersionResource: schema.GroupVersionResource{Version: "v1", Resource: "pods"}, kind: "Pod", shared: true,
	value: nameless, holds: nothing, fault: podFault,
}

func nameless(*unstructured.Unstructured) string { return "" }

// written are the resources of the load, followed those that are watched.
func written() []resource {
	return []resource{configMaps, services, deployments, statefulSets, jobs, daemonSets}
}

func followed() []resource { return append(written(), pods) }

// sleeping is a program that goes on until it is ended.
func sleeping() []any { return []any{"sleep", "86399"} }

// podTemplate is one whose containers say in their environment which pod they are of. The pods are critical for the node, so that
// they are not evicted from a full disk: that is another matter.
func podTemplate(app string, number int64, command []any) object {
	field := func(path string) object { return object{"fieldRef": object{"fieldPath": path}} }
	return object{
		"metadata": object{"labels": object{"app": app, label: "yes"}, "annotations": object{valueKey: fmt.Sprint(number)}},
		"spec": object{
			"terminationGracePeriodSeconds": int64(1), "priorityClassName": "system-node-critical", "automountServiceAccountToken": false,
			"containers": []any{object{
				"name": "main", "image": image, "imagePullPolicy": "Never", "command": command,
				"env": []any{
					object{"name": "FAULTS_NAME", "valueFrom": field("metadata.name")},
					object{"name": "FAULTS_UID", "valueFrom": field("metadata.uid")},
					object{"name": podKey, "value": app + "/$(FAULTS_NAME)/$(FAULTS_UID)"},
				},
			}},
		},
	}
}

// object is a new one with that value.
func (r resource) object(name, value string) *unstructured.Unstructured {
	u := &unstructured.Unstructured{Object: r.spec(value)}
	u.SetAPIVersion(r.GroupVersion().String())
	u.SetKind(r.kind)
	u.SetNamespace(namespace)
	u.SetName(name)
	u.SetLabels(map[string]string{label: "yes"})
	return u
}

// state is what was read.
func (r resource) state(u *unstructured.Unstructured) journal.State {
	revision, _ := strconv.ParseInt(u.GetResourceVersion(), 10, 64) // the API server's
	return journal.State{Exists: true, UID: string(u.GetUID()), Revision: revision, Value: r.value(u), Holds: r.holds(u)}
}
