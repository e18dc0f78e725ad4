package core

import (
	"math"
	"strconv"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/proa-sh/proa/staging/apirules/meta"
)

// ValidatePod reports what keeps a new, defaulted pod from being stored.
func ValidatePod(pod *v1.Pod) field.ErrorList {
	errs := validatePod(pod, tolerance{}, false)
	if len(pod.Spec.EphemeralContainers) > 0 {
		errs = append(errs, field.Forbidden(field.NewPath("spec", "ephemeralContainers"), "cannot be set on create"))
	}
	if pod.Spec.NodeName != "" && len(pod.Spec.SchedulingGates) > 0 {
		errs = append(errs, field.Forbidden(field.NewPath("spec", "nodeName"),
			"cannot be set until all schedulingGates have been cleared"))
	}
	errs = append(errs, seccompMatches(pod, field.NewPath("spec"))...)
	return append(errs, validateExtendedStatus(&pod.Status)...)
}

func validatePod(pod *v1.Pod, t tolerance, keepDeletionCost bool) field.ErrorList {
	errs := meta.Namespaced(&pod.ObjectMeta, meta.SubdomainName)
	metaPath, specPath := field.NewPath("metadata"), field.NewPath("spec")
	errs = append(errs, podAnnotations(pod.Annotations, &pod.Spec, metaPath.Child("annotations"), keepDeletionCost)...)
	r := podRules{spec: &pod.Spec, meta: &pod.ObjectMeta, tolerance: t, pod: true}
	errs = append(errs, r.validate(specPath)...)
	errs = append(errs, tokensWithoutAccount(&pod.Spec, specPath)...)
	return append(errs, r.profiles(pod.Annotations, specPath)...)
}

// ValidatePodTemplate reports faults of a new PodTemplate.
func ValidatePodTemplate(t *v1.PodTemplate) field.ErrorList {
	errs := meta.Namespaced(&t.ObjectMeta, meta.SubdomainName)
	return append(errs, ValidatePodTemplateSpec(&t.Template, nil, field.NewPath("template"))...)
}

// ValidatePodTemplateUpdate reports forbidden changes and new faults of a PodTemplate.
func ValidatePodTemplateUpdate(newT, oldT *v1.PodTemplate) field.ErrorList {
	errs := meta.Update(&newT.ObjectMeta, &oldT.ObjectMeta)
	return append(errs, ValidatePodTemplateSpec(&newT.Template, &oldT.Template, field.NewPath("template"))...)
}

// ValidatePodTemplateSpec reports faults of a pod template at p. Faults of old releases that the stored template old,
// if any, has already are tolerated.
func ValidatePodTemplateSpec(t, old *v1.PodTemplateSpec, p *field.Path) field.ErrorList {
	var oldSpec *v1.PodSpec
	keepCost := false
	if old != nil {
		oldSpec = &old.Spec
		keepCost = !validDeletionCost(old.Annotations)
	}
	errs := meta.Labels(t.Labels, p.Child("labels"))
	errs = append(errs, meta.Annotations(t.Annotations, p.Child("annotations"))...)
	errs = append(errs, podAnnotations(t.Annotations, &t.Spec, p.Child("annotations"), keepCost)...)
	r := podRules{spec: &t.Spec, meta: nil, tolerance: tolerated(oldSpec)}
	errs = append(errs, r.validate(p.Child("spec"))...)
	errs = append(errs, r.profiles(t.Annotations, p.Child("spec"))...)
	if len(t.Spec.EphemeralContainers) > 0 {
		errs = append(errs, field.Forbidden(p.Child("spec", "ephemeralContainers"), "ephemeral containers not allowed in pod template"))
	}
	return errs
}

// podAnnotations rules the annotations that Kubernetes itself reads.
func podAnnotations(a map[string]string, spec *v1.PodSpec, p *field.Path, keepDeletionCost bool) field.ErrorList {
	var errs field.ErrorList
	if v, ok := a[v1.MirrorPodAnnotationKey]; ok && spec.NodeName == "" {
		errs = append(errs, field.Invalid(p.Key(v1.MirrorPodAnnotationKey), v, "must set spec.nodeName if mirror pod annotation is set"))
	}
	if a[v1.TolerationsAnnotationKey] != "" {
		errs = append(errs, tolerationAnnotation(a[v1.TolerationsAnnotationKey], p)...)
	}
	if !keepDeletionCost && !validDeletionCost(a) {
		errs = append(errs, field.Invalid(p.Key(v1.PodDeletionCost), a[v1.PodDeletionCost], "must be a 32bit integer"))
	}
	return errs
}

// validDeletionCost tells whether the deletion cost is absent or a plain 32 bit number.
func validDeletionCost(annotations map[string]string) bool {
	v, ok := annotations[v1.PodDeletionCost]
	if !ok {
		return true
	}
	n, err := strconv.ParseInt(v, 10, 32)
	return err == nil && strconv.FormatInt(n, 10) == v
}

// podRules holds what the rules of the parts of one pod spec need to know of the whole.
type podRules struct {
	spec      *v1.PodSpec
	meta      *metav1.ObjectMeta // of the pod; nil for templates
	tolerance tolerance
	pod       bool // a pod, not a template

	volumes map[string]*v1.VolumeSource // valid volumes by name
	claims  sets.Set[string]            // names of spec.resourceClaims
	names   sets.Set[string]            // names of containers seen
}

func (r *podRules) validate(p *field.Path) field.ErrorList {
	s := r.spec
	var errs field.ErrorList
	r.names = sets.New[string]()
	errs = append(errs, r.validateVolumes(p.Child("volumes"))...)
	errs = append(errs, r.resourceClaims(p.Child("resourceClaims"))...)
	errs = append(errs, r.containers(p.Child("containers"))...)
	errs = append(errs, r.initContainers(p.Child("initContainers"))...)
	errs = append(errs, r.ephemeralContainers(p.Child("ephemeralContainers"))...)
	errs = append(errs, r.hostPortConflicts(p)...)
	errs = append(errs, r.podResources(p)...)
	errs = append(errs, meta.OneOf(s.RestartPolicy, p.Child("restartPolicy"),
		v1.RestartPolicyAlways, v1.RestartPolicyOnFailure, v1.RestartPolicyNever)...)
	errs = append(errs, meta.Labels(s.NodeSelector, p.Child("nodeSelector"))...)
	errs = append(errs, r.podSecurity(p)...)
	errs = append(errs, r.network(p)...)
	errs = append(errs, r.scheduling(p)...)
	errs = append(errs, r.identity(p)...)
	errs = append(errs, r.operatingSystem(p)...)
	return append(errs, r.deadlines(p)...)
}

// identity rules the names by which a spec refers to other objects.
func (r *podRules) identity(p *field.Path) field.ErrorList {
	s := r.spec
	var errs field.ErrorList
	subdomain := func(v, name string) {
		if v != "" {
			errs = append(errs, meta.Invalid(v, p.Child(name), validation.IsDNS1123Subdomain(v))...)
		}
	}
	subdomain(s.ServiceAccountName, "serviceAccountName")
	subdomain(s.NodeName, "nodeName")
	subdomain(s.PriorityClassName, "priorityClassName")
	if s.RuntimeClassName != nil {
		errs = append(errs, meta.Invalid(*s.RuntimeClassName, p.Child("runtimeClassName"), validation.IsDNS1123Subdomain(*s.RuntimeClassName))...)
	}
	if g := s.SchedulingGroup; g != nil {
		gp := p.Child("schedulingGroup")
		if g.PodGroupName == nil {
			errs = append(errs, field.Invalid(gp, "", "must specify one of: `podGroupName`"))
		} else {
			errs = append(errs, meta.Invalid(*g.PodGroupName, gp.Child("podGroupName"), validation.IsDNS1123Subdomain(*g.PodGroupName))...)
		}
	}
	return errs
}

// deadlines rules the times a pod has to run and to end.
func (r *podRules) deadlines(p *field.Path) field.ErrorList {
	var errs field.ErrorList
	if v := r.spec.ActiveDeadlineSeconds; v != nil {
		errs = append(errs, meta.Range(*v, 1, math.MaxInt32, p.Child("activeDeadlineSeconds"))...)
	}
	if v := r.spec.TerminationGracePeriodSeconds; v != nil && *v < 0 {
		errs = append(errs, field.Invalid(p.Child("terminationGracePeriodSeconds"), *v, "must be non-negative integer"))
	}
	return errs
}

func duplicateName(p *field.Path, name string) *field.Error {
	return field.Duplicate(p.Child("name"), name)
}
