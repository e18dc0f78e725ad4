package core

import (
	"fmt"

	v1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/diff"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/proa-sh/proa/staging/apirules/meta"
)

// PreparePodResize takes from a request to the resize subresource only what it is for: the resources of containers and
// of the pod. All else becomes as in old, but for the names and the number of containers, which validation judges.
func PreparePodResize(newPod, old *v1.Pod) {
	spec := old.Spec.DeepCopy()
	spec.Containers = takeResources(spec.Containers, newPod.Spec.Containers)
	spec.InitContainers = takeResources(spec.InitContainers, newPod.Spec.InitContainers)
	if newPod.Spec.Resources != nil {
		spec.Resources = newPod.Spec.Resources
	}
	newPod.Spec = *spec
	old.Status.DeepCopyInto(&newPod.Status)
	newPod.Labels, newPod.Annotations = old.Labels, old.Annotations
	newPod.OwnerReferences, newPod.Finalizers = old.OwnerReferences, old.Finalizers
}

// takeResources returns the old containers with the new ones' names and resources, or the new ones if they are more or
// fewer.
func takeResources(old, newC []v1.Container) []v1.Container {
	if len(old) != len(newC) {
		return newC
	}
	for i := range old {
		old[i].Name, old[i].Resources = newC[i].Name, newC[i].Resources
	}
	return old
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
	other := otherContainers(newPod.Spec.Containers, old.Spec.Containers, p.Child("containers"))
	other = append(other, otherContainers(newPod.Spec.InitContainers, old.Spec.InitContainers, p.Child("initContainers"))...)
	if len(other) > 0 {
		return append(errs, other...)
	}
	was := old.Status.QOSClass
	if was == "" {
		was = QOSClass(&old.Spec)
	}
	if QOSClass(&newPod.Spec) != was {
		errs = append(errs, field.Invalid(p, QOSClass(&newPod.Spec), "Pod QOS Class may not change as a result of resizing"))
	}
	errs = append(errs, resizedContainers(newPod, old, p)...)
	if kept := withOldAmounts(newPod, old); !apiequality.Semantic.DeepEqual(*kept, old.Spec) {
		errs = append(errs, field.Forbidden(p, fmt.Sprintf("only cpu and memory resources are mutable\n%v", diff.Diff(old.Spec, *kept))))
	}
	return errs
}

// otherContainers reports containers that are not those of the stored pod, one by one and in their order.
func otherContainers(newC, old []v1.Container, p *field.Path) field.ErrorList {
	if len(newC) != len(old) {
		return field.ErrorList{field.Forbidden(p, "containers may not be added or removed on resize")}
	}
	var errs field.ErrorList
	for i := range newC {
		if newC[i].Name != old[i].Name {
			errs = append(errs, field.Forbidden(p.Index(i).Child("name"), "containers may not be renamed or reordered on resize"))
		}
	}
	return errs
}

// withOldAmounts returns the new spec with the old amounts of CPU and memory, so that what remains can be compared.
func withOldAmounts(newPod, old *v1.Pod) *v1.PodSpec {
	s := newPod.Spec.DeepCopy()
	for i := range s.Containers {
		keepAmounts(&s.Containers[i].Resources, &old.Spec.Containers[i].Resources)
	}
	for i := range s.InitContainers {
		keepAmounts(&s.InitContainers[i].Resources, &old.Spec.InitContainers[i].Resources)
	}
	if s.Resources != nil && old.Spec.Resources != nil {
		keepAmounts(s.Resources, old.Spec.Resources)
	}
	return s
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
		both(&newPod.Spec.InitContainers[i].Resources, &old.Spec.InitContainers[i].Resources, p.Child("initContainers").Index(i).Child("resources"))
	}
	if newPod.Spec.Resources != nil && old.Spec.Resources != nil {
		both(newPod.Spec.Resources, old.Spec.Resources, p.Child("resources"))
	}
	return errs
}

// keepAmounts puts CPU and memory of old in place of those of r.
func keepAmounts(r, old *v1.ResourceRequirements) {
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
