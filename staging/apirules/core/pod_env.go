package core

import (
	"fmt"
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/proa-sh/proa/staging/apirules/meta"
)

func (r *podRules) env(vars []v1.EnvVar, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i := range vars {
		ev, ep := &vars[i], p.Index(i)
		if ev.Name == "" {
			errs = append(errs, field.Required(ep.Child("name"), ""))
		} else {
			errs = append(errs, meta.Invalid(ev.Name, ep.Child("name"), validation.IsRelaxedEnvVarName(ev.Name))...)
		}
		if ev.ValueFrom != nil {
			errs = append(errs, r.envSource(ev, ep.Child("valueFrom"))...)
		}
	}
	return errs
}

func (r *podRules) envSource(ev *v1.EnvVar, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	n, from := 0, ev.ValueFrom
	if from.FieldRef != nil {
		n++
		errs = append(errs, fieldRef(from.FieldRef, envFields, p.Child("fieldRef"))...)
	}
	if from.ResourceFieldRef != nil {
		n++
		errs = append(errs, resourceFieldRef(from.ResourceFieldRef, false, p.Child("resourceFieldRef"))...)
	}
	if ref := from.ConfigMapKeyRef; ref != nil {
		n++
		errs = append(errs, keyRef(ref.Name, ref.Key, p.Child("configMapKeyRef"))...)
	}
	if ref := from.SecretKeyRef; ref != nil {
		n++
		errs = append(errs, keyRef(ref.Name, ref.Key, p.Child("secretKeyRef"))...)
	}
	if from.FileKeyRef != nil {
		n++
		errs = append(errs, r.fileKeyRef(from.FileKeyRef, p.Child("fileKeyRef"))...)
	}
	switch {
	case n == 0:
		errs = append(errs, field.Invalid(p, "", "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`"))
	case ev.Value != "":
		errs = append(errs, field.Invalid(p, "", "may not be specified when `value` is not empty"))
	case n > 1:
		errs = append(errs, field.Invalid(p, "", "may not have more than one field specified at a time"))
	}
	return errs
}

func keyRef(name, key string, p *field.Path) field.ErrorList {
	errs := meta.Required(name, p.Child("name"))
	if key == "" {
		return append(errs, field.Required(p.Child("key"), ""))
	}
	return append(errs, meta.Invalid(key, p.Child("key"), validation.IsConfigMapKey(key))...)
}

// maxEnvFileKey is how long the key of a variable in an env file may be (KEP-3721).
const maxEnvFileKey = 128

func (r *podRules) fileKeyRef(f *v1.FileKeySelector, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	if f.VolumeName == "" {
		errs = append(errs, field.Required(p.Child("volumeName"), ""))
	} else if src, ok := r.volumes[f.VolumeName]; !ok {
		errs = append(errs, field.NotFound(p.Child("volumeName"), f.VolumeName))
	} else if src.EmptyDir == nil {
		errs = append(errs, field.Invalid(p.Child("volumeName"), f.VolumeName, "referenced volume must be of type emptyDir"))
	}
	if f.Path == "" {
		errs = append(errs, field.Required(p.Child("path"), ""))
	} else {
		errs = append(errs, meta.LocalFilePath(f.Path, p.Child("path"))...)
	}
	if f.Key == "" {
		return append(errs, field.Required(p.Child("key"), ""))
	}
	errs = append(errs, meta.Invalid(f.Key, p.Child("key"), validation.IsRelaxedEnvVarName(f.Key))...)
	if len(f.Key) > maxEnvFileKey {
		errs = append(errs, field.TooLong(p.Child("key"), f.Key, maxEnvFileKey))
	}
	return errs
}

func envFrom(sources []v1.EnvFromSource, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i := range sources {
		s, sp := &sources[i], p.Index(i)
		if s.Prefix != "" {
			errs = append(errs, meta.Invalid(s.Prefix, sp.Child("prefix"), validation.IsRelaxedEnvVarName(s.Prefix))...)
		}
		if s.ConfigMapRef != nil {
			errs = append(errs, meta.Required(s.ConfigMapRef.Name, sp.Child("configMapRef", "name"))...)
		}
		if s.SecretRef != nil {
			errs = append(errs, meta.Required(s.SecretRef.Name, sp.Child("secretRef", "name"))...)
		}
		switch {
		case s.ConfigMapRef == nil && s.SecretRef == nil:
			errs = append(errs, field.Invalid(sp, "", "must specify one of: `configMapRef` or `secretRef`"))
		case s.ConfigMapRef != nil && s.SecretRef != nil:
			errs = append(errs, field.Invalid(sp, "", "may not have more than one field specified at a time"))
		}
	}
	return errs
}

// downwardFields lists the pod fields that can be shown to a container; keyed ones take a label or annotation key.
type downwardFields struct {
	plain []string
	keyed bool
}

var (
	envFields = downwardFields{keyed: true, plain: []string{"metadata.name", "metadata.namespace", "metadata.uid",
		"spec.nodeName", "spec.serviceAccountName", "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs"}}
	fileFields = downwardFields{keyed: true, plain: []string{"metadata.annotations", "metadata.labels", "metadata.name",
		"metadata.namespace", "metadata.uid"}}
	selectableFields = []string{"metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace",
		"metadata.uid", "spec.hostNetwork", "spec.host", "spec.nodeName", "spec.restartPolicy", "spec.schedulerName",
		"spec.serviceAccountName", "status.hostIP", "status.hostIPs", "status.nominatedNodeName", "status.phase",
		"status.podIP", "status.podIPs"}
)

func fieldRef(f *v1.ObjectFieldSelector, allowed downwardFields, p *field.Path) field.ErrorList {
	switch {
	case f.APIVersion == "":
		return field.ErrorList{field.Required(p.Child("apiVersion"), "")}
	case f.FieldPath == "":
		return field.ErrorList{field.Required(p.Child("fieldPath"), "")}
	}
	if path, key, ok := splitKeyed(f.FieldPath); ok && allowed.keyed {
		return keyedField(path, key, p)
	}
	if f.APIVersion != "v1" {
		return field.ErrorList{field.Invalid(p.Child("fieldPath"), f.FieldPath,
			fmt.Sprintf("error converting fieldPath: unsupported pod version: %s", f.APIVersion))}
	}
	if !sets.New(selectableFields...).Has(f.FieldPath) {
		return field.ErrorList{field.Invalid(p.Child("fieldPath"), f.FieldPath,
			fmt.Sprintf("error converting fieldPath: field label not supported: %s", f.FieldPath))}
	}
	return meta.In(f.FieldPath, p.Child("fieldPath"), allowed.plain...)
}

// splitKeyed takes metadata.labels['key'] apart.
func splitKeyed(path string) (prefix, key string, ok bool) {
	rest, ok := strings.CutSuffix(path, "']")
	if !ok {
		return "", "", false
	}
	return strings.Cut(rest, "['")
}

func keyedField(path, key string, p *field.Path) field.ErrorList {
	switch path {
	case "metadata.annotations":
		return meta.Invalid(key, p, validation.IsQualifiedName(strings.ToLower(key)))
	case "metadata.labels":
		return meta.Invalid(key, p, validation.IsQualifiedName(key))
	}
	return field.ErrorList{field.Invalid(p, path, "does not support subscript")}
}

var containerResourceFields = []string{"limits.cpu", "limits.ephemeral-storage", "limits.memory", "requests.cpu",
	"requests.ephemeral-storage", "requests.memory"}

func resourceFieldRef(f *v1.ResourceFieldSelector, volume bool, p *field.Path) field.ErrorList {
	switch {
	case volume && f.ContainerName == "":
		return field.ErrorList{field.Required(p.Child("containerName"), "")}
	case f.Resource == "":
		return field.ErrorList{field.Required(p.Child("resource"), "")}
	}
	huge := strings.HasPrefix(f.Resource, "requests."+v1.ResourceHugePagesPrefix) || strings.HasPrefix(f.Resource, "limits."+v1.ResourceHugePagesPrefix)
	if !huge {
		if errs := meta.In(f.Resource, p.Child("resource"), containerResourceFields...); len(errs) > 0 {
			return errs
		}
	}
	return divisor(f.Resource, f.Divisor, p)
}

var (
	cpuDivisors  = sets.New("1m", "1")
	byteDivisors = sets.New("1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei")
)

// divisor rules the unit in which a resource is shown; none at all means 1.
func divisor(name string, d resource.Quantity, p *field.Path) field.ErrorList {
	if d.Sign() == 0 {
		return nil
	}
	short := strings.TrimPrefix(strings.TrimPrefix(name, "limits."), "requests.")
	allowed, words := byteDivisors, "only divisor's values 1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, 1Ei are supported with the %s resource"
	switch {
	case short == string(v1.ResourceCPU):
		allowed, words = cpuDivisors, "only divisor's values 1m and 1 are supported with the %s resource"
	case strings.HasPrefix(short, v1.ResourceHugePagesPrefix):
		short = "hugepages"
	case short == string(v1.ResourceEphemeralStorage):
		short = "local ephemeral storage"
	}
	if allowed.Has(d.String()) {
		return nil
	}
	return field.ErrorList{field.Invalid(p.Child("divisor"), d.String(), fmt.Sprintf(words, short))}
}
