package core

import (
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/proa-sh/proa/staging/apirules/meta"
)

// SetNamespaceDefaults labels a namespace with its own name and makes it active. The finalizer that lets its content be
// deleted first is set on creation, not here.
func SetNamespaceDefaults(ns *v1.Namespace) {
	orElse(&ns.Status.Phase, v1.NamespaceActive)
	if ns.Name == "" {
		return // to be generated; the label follows on the next pass
	}
	if ns.Labels == nil {
		ns.Labels = map[string]string{}
	}
	ns.Labels[v1.LabelMetadataName] = ns.Name
}

// ValidateNamespace reports faults of a new namespace.
func ValidateNamespace(ns *v1.Namespace) field.ErrorList {
	errs := meta.ClusterScoped(&ns.ObjectMeta, meta.LabelName)
	for i, f := range ns.Spec.Finalizers {
		errs = append(errs, namespaceFinalizer(f, field.NewPath("spec", "finalizers").Index(i))...)
	}
	return errs
}

// namespaceFinalizer wants names without a domain to be Kubernetes' own.
func namespaceFinalizer(f v1.FinalizerName, p *field.Path) field.ErrorList {
	errs := meta.QualifiedName(string(f), p)
	if len(errs) == 0 && f != v1.FinalizerKubernetes && !hasDomain(string(f)) {
		errs = append(errs, field.Invalid(p, f, "name is neither a standard finalizer name nor is it fully qualified"))
	}
	return errs
}

// ValidateNamespaceUpdate reports forbidden changes of a namespace.
func ValidateNamespaceUpdate(newNS, old *v1.Namespace) field.ErrorList {
	return meta.Update(&newNS.ObjectMeta, &old.ObjectMeta)
}

// ValidateNamespaceStatusUpdate wants a namespace to be terminating exactly when it is being deleted.
func ValidateNamespaceStatusUpdate(newNS, old *v1.Namespace) field.ErrorList {
	errs := meta.Update(&newNS.ObjectMeta, &old.ObjectMeta)
	p := field.NewPath("status", "phase")
	deleting := newNS.DeletionTimestamp != nil
	switch {
	case !deleting && newNS.Status.Phase != v1.NamespaceActive:
		errs = append(errs, field.Invalid(p, newNS.Status.Phase, "may only be 'Active' if `deletionTimestamp` is empty"))
	case deleting && newNS.Status.Phase != v1.NamespaceTerminating:
		errs = append(errs, field.Invalid(p, newNS.Status.Phase, "may only be 'Terminating' if `deletionTimestamp` is not empty"))
	}
	return errs
}

// ValidateNamespaceFinalizeUpdate rules requests to the finalize subresource.
func ValidateNamespaceFinalizeUpdate(newNS, old *v1.Namespace) field.ErrorList {
	errs := meta.Update(&newNS.ObjectMeta, &old.ObjectMeta)
	for i, f := range newNS.Spec.Finalizers {
		errs = append(errs, namespaceFinalizer(f, field.NewPath("spec", "finalizers").Index(i))...)
	}
	return errs
}
