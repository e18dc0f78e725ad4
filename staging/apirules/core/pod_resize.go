package core

import (
	"fmt"

	v1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/diff"
	"k8s.io/apimachinery/pkg/util/validation/field"
	resourcehelper "k8s.io/component-helpers/resource"

	"github.com/proa-sh/proa/staging/apirules/meta"
)

// PreparePodResize takes from a request to the resize subresource only what it is for: the resources of containers,
// sidecars included, and of the pod. All else becomes as in old.
func PreparePodResize(newPod, old *v1.Pod) {
	spec := old.Spec.DeepCopy()
	takeResources(spec.Containers, newPod.Spec.Containers)
	takeResources(spec.InitContainers, newPod.Spec.InitContainers)
	if newPod.Spec.Resources != nil {
		spec.Resources = newPod.Spec.Resources
	}
	newPod.Spec = *spec
	old.Status.DeepCopyInto(&newPod.Status)
	newPod.Labels, newPod.Annotations = old.Labels, old.Annotations
	newPod.OwnerReferences, newPod.Finalizers = old.OwnerReferences, old.Finalizers
}

// takeResources copies by name, so that a client may leave containers out.
func takeResources(to, from []v1.Container) {
	for i := range to {
		for j := range from {
			if from[j].Name == to[i].Name {
				to[i].Resources = from[j].Resources
			}
		}
	}
}

// ValidatePodResize reports changes that cannot be made to a running pod: of anything but amounts of CPU and memory, of
// its quality of service, and taking an amount away altogether (KEP-1287).
func ValidatePodResize(newPod, old *v1.Pod) field.ErrorList {
	errs := meta.Update(&newPod.ObjectMeta, &old.ObjectMeta)
	errs = append(errs, validatePod(newPod, tolerated(&old.Spec), !validDeletionCost(old.Annotations))...)
	if _, mirror := old.Annotations[v1.MirrorPodAnnotationKey]; mirror {
		return append(errs, field.Forbidden(field.NewPath(""), "static pods cannot be resized"))
	}
	if old.Spec.OS != nil && old.Spec.OS.Name == v1.Windows {
		return append(errs, field.Forbidden(field.NewPath(""), "windows pods cannot be resized"))
	}
	p := field.NewPath("spec")
	if len(newPod.Spec.Containers) != len(old.Spec.Containers) || len(newPod.Spec.InitContainers) != len(old.Spec.InitContainers) {
		return append(errs, field.Forbidden(p.Child("containers"), "pod updates may not add or remove containers"))
	}
	was := old.Status.QOSClass
	if was == "" {
		was = QOSClass(&old.Spec)
	}
	if QOSClass(&newPod.Spec) != was {
		errs = append(errs, field.Invalid(p, QOSClass(&newPod.Spec), "Pod QOS Class may not change as a result of resizing"))
	}
	errs = append(errs, resizedContainers(newPod, old, p)...)
	rest := newPod.Spec.DeepCopy()
	for i := range rest.Containers {
		keepOtherResources(&rest.Containers[i].Resources, &old.Spec.Containers[i].Resources)
	}
	for i := range rest.InitContainers {
		if isSidecar(&old.Spec.InitContainers[i]) {
			keepOtherResources(&rest.InitContainers[i].Resources, &old.Spec.InitContainers[i].Resources)
		}
	}
	if rest.Resources != nil && old.Spec.Resources != nil {
		keepOtherResources(rest.Resources, old.Spec.Resources)
	}
	if !apiequality.Semantic.DeepEqual(*rest, old.Spec) {
		errs = append(errs, field.Forbidden(p, fmt.Sprintf("only cpu and memory resources are mutable\n%v", diff.Diff(old.Spec, *rest))))
	}
	return errs
}

// resizedContainers forbids taking an amount away: it can shrink, but a running container keeps having one.
func resizedContainers(newPod, old *v1.Pod, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	gone := func(is, was v1.ResourceList, path *field.Path, words string) {
		for _, name := range sortedNames(was) {
			if _, ok := is[name]; !ok && (name == v1.ResourceCPU || name == v1.ResourceMemory) {
				errs = append(errs, field.Forbidden(path, words))
				return
			}
		}
	}
	both := func(is, was *v1.ResourceRequirements, path *field.Path) {
		gone(is.Limits, was.Limits, path.Child("limits"), "resource limits cannot be removed")
		gone(is.Requests, was.Requests, path.Child("requests"), "resource requests cannot be removed")
	}
	for i := range old.Spec.Containers {
		both(&newPod.Spec.Containers[i].Resources, &old.Spec.Containers[i].Resources, p.Child("containers").Index(i).Child("resources"))
	}
	for i := range old.Spec.InitContainers {
		if isSidecar(&old.Spec.InitContainers[i]) {
			both(&newPod.Spec.InitContainers[i].Resources, &old.Spec.InitContainers[i].Resources, p.Child("initContainers").Index(i).Child("resources"))
		}
	}
	if newPod.Spec.Resources != nil && old.Spec.Resources != nil {
		both(newPod.Spec.Resources, old.Spec.Resources, p.Child("resources"))
	}
	return errs
}

// keepOtherResources puts CPU and memory of old in place of those of r, so that what remains can be compared.
func keepOtherResources(r, old *v1.ResourceRequirements) {
	r.Limits = withOld(r.Limits, old.Limits)
	r.Requests = withOld(r.Requests, old.Requests)
}

func withOld(is, was v1.ResourceList) v1.ResourceList {
	out := is.DeepCopy()
	for _, name := range []v1.ResourceName{v1.ResourceCPU, v1.ResourceMemory} {
		delete(out, name)
		if q, ok := was[name]; ok {
			if out == nil {
				out = v1.ResourceList{}
			}
			out[name] = q
		}
	}
	return out
}

// QOSClass derives the quality of service of a pod from its requests and limits of CPU and memory, the pod-level ones
// where it has any: Guaranteed when both are limited everywhere and requested in full, BestEffort when neither appears.
func QOSClass(s *v1.PodSpec) v1.PodQOSClass {
	if r := s.Resources; r != nil && resourcehelper.IsPodLevelResourcesSet(&v1.Pod{Spec: *s}) {
		q := qosCount{guaranteed: true}
		q.add(r)
		return q.class()
	}
	q := qosCount{guaranteed: true}
	for i := range s.InitContainers {
		q.add(&s.InitContainers[i].Resources)
	}
	for i := range s.Containers {
		q.add(&s.Containers[i].Resources)
	}
	return q.class()
}

// qosCount is what has been seen of a pod's containers.
type qosCount struct {
	any, guaranteed  bool
	requests, limits v1.ResourceList
}

func (q *qosCount) add(r *v1.ResourceRequirements) {
	computed := func(l v1.ResourceList, sum *v1.ResourceList) int {
		n := 0
		for _, name := range []v1.ResourceName{v1.ResourceCPU, v1.ResourceMemory} {
			amount, ok := l[name]
			if !ok || amount.Sign() <= 0 {
				continue
			}
			n++
			q.any = true
			if *sum == nil {
				*sum = v1.ResourceList{}
			}
			total := (*sum)[name]
			total = total.DeepCopy()
			total.Add(amount)
			(*sum)[name] = total
		}
		return n
	}
	computed(r.Requests, &q.requests)
	if computed(r.Limits, &q.limits) < 2 {
		q.guaranteed = false
	}
}

func (q *qosCount) class() v1.PodQOSClass {
	if !q.any {
		return v1.PodQOSBestEffort
	}
	if !q.guaranteed || len(q.requests) != len(q.limits) {
		return v1.PodQOSBurstable
	}
	for name, request := range q.requests {
		limit, ok := q.limits[name]
		if !ok || !sameAmount(limit, request) {
			return v1.PodQOSBurstable
		}
	}
	return v1.PodQOSGuaranteed
}

func sameAmount(a, b resource.Quantity) bool { return a.Cmp(b) == 0 }
