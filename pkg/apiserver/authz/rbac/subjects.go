package rbac

import (
	"fmt"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apiserver/pkg/authentication/serviceaccount"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/client-go/tools/cache"
)

// bySubject is the name of the index of bindings by the users and groups that they name.
const bySubject = "rbac/subject"

func userKey(name string) string  { return "user:" + name }
func groupKey(name string) string { return "group:" + name }

// keysOf are the index keys under which a user's bindings are found.
func keysOf(u user.Info) []string {
	keys := make([]string, 0, 1+len(u.GetGroups()))
	keys = append(keys, userKey(u.GetName()))
	for _, g := range u.GetGroups() {
		keys = append(keys, groupKey(g))
	}
	return keys
}

// indexers returns the index of bindings by subject.
func indexers() cache.Indexers {
	return cache.Indexers{bySubject: func(obj any) ([]string, error) {
		switch b := obj.(type) {
		case *rbacv1.ClusterRoleBinding:
			return subjectKeys(b.Subjects, ""), nil
		case *rbacv1.RoleBinding:
			// Bindings of a namespace are looked up together with it.
			keys := subjectKeys(b.Subjects, b.Namespace)
			for i, k := range keys {
				keys[i] = inNamespace(b.Namespace, k)
			}
			return keys, nil
		}
		return nil, fmt.Errorf("index bindings by subject: got a %T", obj)
	}}
}

func inNamespace(namespace, key string) string { return namespace + "/" + key }

func subjectKeys(subjects []rbacv1.Subject, namespace string) []string {
	keys := make([]string, 0, len(subjects))
	for _, s := range subjects {
		switch s.Kind {
		case rbacv1.UserKind:
			keys = append(keys, userKey(s.Name))
		case rbacv1.GroupKind:
			keys = append(keys, groupKey(s.Name))
		case rbacv1.ServiceAccountKind:
			ns := s.Namespace
			if ns == "" {
				ns = namespace
			}
			if ns != "" {
				keys = append(keys, userKey(serviceaccount.MakeUsername(ns, s.Name)))
			}
		}
	}
	return keys
}
