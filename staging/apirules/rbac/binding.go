package rbac

import (
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/proa-sh/proa/staging/apirules/meta"
)

// SetRoleBindingDefaults names the group of role and subjects.
func SetRoleBindingDefaults(b *rbacv1.RoleBinding) { setDefaults(&b.RoleRef, b.Subjects) }

// SetClusterRoleBindingDefaults names the group of role and subjects.
func SetClusterRoleBindingDefaults(b *rbacv1.ClusterRoleBinding) { setDefaults(&b.RoleRef, b.Subjects) }

func setDefaults(ref *rbacv1.RoleRef, subjects []rbacv1.Subject) {
	if ref.APIGroup == "" {
		ref.APIGroup = rbacv1.GroupName
	}
	for i := range subjects {
		s := &subjects[i]
		if s.APIGroup == "" && (s.Kind == rbacv1.UserKind || s.Kind == rbacv1.GroupKind) {
			s.APIGroup = rbacv1.GroupName
		}
	}
}

// ValidateRoleBinding reports faults of a new role binding.
func ValidateRoleBinding(b *rbacv1.RoleBinding) field.ErrorList {
	errs := meta.Namespaced(&b.ObjectMeta, meta.PathSegmentName)
	errs = append(errs, roleRef(b.RoleRef, field.NewPath("roleRef"), "Role", "ClusterRole")...)
	return append(errs, subjects(b.Subjects, true)...)
}

// ValidateRoleBindingUpdate reports faults of a role binding that is to replace old; its role stays.
func ValidateRoleBindingUpdate(newB, old *rbacv1.RoleBinding) field.ErrorList {
	errs := append(meta.Update(&newB.ObjectMeta, &old.ObjectMeta), ValidateRoleBinding(newB)...)
	return append(errs, sameRole(newB.RoleRef, old.RoleRef)...)
}

// ValidateClusterRoleBinding reports faults of a new cluster role binding.
func ValidateClusterRoleBinding(b *rbacv1.ClusterRoleBinding) field.ErrorList {
	errs := meta.ClusterScoped(&b.ObjectMeta, meta.PathSegmentName)
	errs = append(errs, roleRef(b.RoleRef, field.NewPath("roleRef"), "ClusterRole")...)
	return append(errs, subjects(b.Subjects, false)...)
}

// ValidateClusterRoleBindingUpdate reports faults of a cluster role binding that is to replace old; its role stays.
func ValidateClusterRoleBindingUpdate(newB, old *rbacv1.ClusterRoleBinding) field.ErrorList {
	errs := append(meta.Update(&newB.ObjectMeta, &old.ObjectMeta), ValidateClusterRoleBinding(newB)...)
	return append(errs, sameRole(newB.RoleRef, old.RoleRef)...)
}

// sameRole keeps those who may edit a binding's subjects from giving them another role.
func sameRole(n, o rbacv1.RoleRef) field.ErrorList {
	if n == o {
		return nil
	}
	return field.ErrorList{field.Invalid(field.NewPath("roleRef"), n, "cannot change roleRef")}
}

func roleRef(ref rbacv1.RoleRef, p *field.Path, kinds ...string) field.ErrorList {
	var errs field.ErrorList
	if ref.APIGroup != rbacv1.GroupName {
		errs = append(errs, field.NotSupported(p.Child("apiGroup"), ref.APIGroup, []string{rbacv1.GroupName}))
	}
	errs = append(errs, meta.In(ref.Kind, p.Child("kind"), kinds...)...)
	if ref.Name == "" {
		return append(errs, field.Required(p.Child("name"), ""))
	}
	return append(errs, meta.Invalid(ref.Name, p.Child("name"), meta.PathSegmentName(ref.Name, false))...)
}

func subjects(list []rbacv1.Subject, namespaced bool) field.ErrorList {
	var errs field.ErrorList
	for i, s := range list {
		errs = append(errs, subject(s, namespaced, field.NewPath("subjects").Index(i))...)
	}
	return errs
}

func subject(s rbacv1.Subject, namespaced bool, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	if s.Name == "" {
		errs = append(errs, field.Required(p.Child("name"), ""))
	}
	switch s.Kind {
	case rbacv1.ServiceAccountKind:
		if s.Name != "" {
			errs = append(errs, meta.Invalid(s.Name, p.Child("name"), validation.IsDNS1123Subdomain(s.Name))...)
		}
		if s.APIGroup != "" {
			errs = append(errs, field.NotSupported(p.Child("apiGroup"), s.APIGroup, []string{""}))
		}
		if !namespaced && s.Namespace == "" {
			errs = append(errs, field.Required(p.Child("namespace"), ""))
		}
	case rbacv1.UserKind, rbacv1.GroupKind:
		if s.APIGroup != rbacv1.GroupName {
			errs = append(errs, field.NotSupported(p.Child("apiGroup"), s.APIGroup, []string{rbacv1.GroupName}))
		}
	default:
		errs = append(errs, field.NotSupported(p.Child("kind"), s.Kind, []string{rbacv1.ServiceAccountKind, rbacv1.UserKind, rbacv1.GroupKind}))
	}
	return errs
}
