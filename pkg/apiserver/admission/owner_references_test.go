package admission

import (
	"context"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
)

func TestOwnerReferencesValidates(t *testing.T) {
	mapper := meta.NewDefaultRESTMapper([]schema.GroupVersion{appsv1.SchemeGroupVersion, corev1.SchemeGroupVersion})
	mapper.Add(appsv1.SchemeGroupVersion.WithKind("ReplicaSet"), meta.RESTScopeNamespace)
	mapper.Add(corev1.SchemeGroupVersion.WithKind("Node"), meta.RESTScopeRoot)
	// A user's name is what they may do: "delete pods", "update replicasets/finalizers in ns".
	p := build(t, ownerReferences(), Inputs{Mapper: mapper, Authorizer: authorizer.AuthorizerFunc(func(_ context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
		asked := a.GetVerb() + " " + a.GetResource()
		if a.GetSubresource() != "" {
			asked += "/" + a.GetSubresource()
		}
		if a.GetNamespace() != "" {
			asked += " in " + a.GetNamespace()
		}
		for may := range strings.SplitSeq(a.GetUser().GetName(), ", ") {
			if may == asked {
				return authorizer.DecisionAllow, "", nil
			}
		}
		return authorizer.DecisionNoOpinion, "may not " + asked, nil
	})})
	ref := func(version, kind string, blocks bool) metav1.OwnerReference {
		return metav1.OwnerReference{APIVersion: version, Kind: kind, Name: "o", UID: types.UID(kind), BlockOwnerDeletion: &blocks}
	}
	pod := func(refs ...metav1.OwnerReference) *corev1.Pod {
		return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{OwnerReferences: refs}}
	}
	set, blocking, node := ref("apps/v1", "ReplicaSet", false), ref("apps/v1", "ReplicaSet", true), ref("v1", "Node", true)
	for _, c := range []struct {
		name       string
		fresh, old *corev1.Pod
		sub, may   string
		says       string
	}{
		{"created without owner", pod(), nil, "", "", ""},
		{"created with an owner", pod(set), nil, "", "", ""},
		{"created with an owner that it blocks", pod(blocking), nil, "", "", "may not update replicasets/finalizers in ns"},
		{"the same by somebody who may", pod(blocking), nil, "", "update replicasets/finalizers in ns", ""},
		{"an owner without namespace", pod(node), nil, "", "update nodes/finalizers", ""},
		{"an owner of no known kind", pod(ref("x/v1", "Y", true)), nil, "", "", "find owner's resource"},
		{"unchanged", pod(blocking), pod(blocking), "", "", ""},
		{"an owner is added", pod(set), pod(), "", "", "cannot set an ownerRef on a resource you can't delete"},
		{"the same by somebody who may delete", pod(set), pod(), "", "delete pods in ns", ""},
		{"it comes to block", pod(blocking), pod(set), "", "delete pods in ns", "may not update replicasets/finalizers in ns"},
		{"by status", pod(set), pod(), "status", "", ""},
	} {
		op := admission.Create
		var old runtime.Object
		if c.old != nil {
			op, old = admission.Update, c.old
		}
		a := admission.NewAttributesRecord(c.fresh, old, corev1.SchemeGroupVersion.WithKind("Pod"), "ns", "p", corev1.SchemeGroupVersion.WithResource("pods"), c.sub, op, nil, false, &user.DefaultInfo{Name: c.may})
		err := p.Validate(t.Context(), a)
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v, want ...%s", c.name, err, c.says)
		}
	}
}
