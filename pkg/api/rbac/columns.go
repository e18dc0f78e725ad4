package rbac

import (
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/proa-sh/proa/staging/apidef"
)

// bindingColumns are the columns of both kinds of role bindings.
func bindingColumns[P metav1.Object](ref func(P) rbacv1.RoleRef, subjects func(P) []rbacv1.Subject) []apidef.Column[P] {
	doc := rbacv1.RoleBinding{}.SwaggerDoc()
	of := func(name, description, kind string) apidef.Column[P] {
		return apidef.Column[P]{Name: name, Description: description, Wide: true, Value: func(p P) any { return subjectNames(subjects(p), kind) }}
	}
	return []apidef.Column[P]{
		apidef.Name[P](),
		{Name: "Role", Description: doc["roleRef"], Value: func(p P) any { return ref(p).Kind + "/" + ref(p).Name }},
		apidef.Age[P](),
		of("Users", "Users in the roleBinding", rbacv1.UserKind),
		of("Groups", "Groups in the roleBinding", rbacv1.GroupKind),
		of("ServiceAccounts", "ServiceAccounts in the roleBinding", rbacv1.ServiceAccountKind),
	}
}

// subjectNames joins the subjects of one kind.
func subjectNames(subjects []rbacv1.Subject, kind string) string {
	var names []string
	for _, s := range subjects {
		switch {
		case s.Kind != kind:
		case kind == rbacv1.ServiceAccountKind:
			names = append(names, s.Namespace+"/"+s.Name)
		default:
			names = append(names, s.Name)
		}
	}
	return strings.Join(names, ", ")
}
