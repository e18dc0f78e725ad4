package admission

import (
	"strings"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	resourcev1 "k8s.io/api/resource/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
)

func pod(name, node string, change ...func(*corev1.Pod)) *corev1.Pod {
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name, UID: "u-" + "1"}, Spec: corev1.PodSpec{NodeName: node}}
	for _, f := range change {
		f(p)
	}
	return p
}

func mirror(p *corev1.Pod) {
	p.Annotations = map[string]string{corev1.MirrorPodAnnotationKey: "x"}
	p.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "Node", Name: p.Spec.NodeName, UID: "node-" + types.UID(p.Spec.NodeName), Controller: new(true)}}
}

func owner(change func(*metav1.OwnerReference)) func(*corev1.Pod) {
	return func(p *corev1.Pod) { change(&p.OwnerReferences[0]) }
}

func node(change ...func(*corev1.Node)) *corev1.Node {
	n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "a", Labels: map[string]string{"node-restriction.kubernetes.io/x": "1"}}}
	for _, f := range change {
		f(n)
	}
	return n
}

func label(key string) func(*corev1.Node) { return func(n *corev1.Node) { n.Labels[key] = "1" } }

func claim(change ...func(*corev1.PersistentVolumeClaim)) *corev1.PersistentVolumeClaim {
	c := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "c"}}
	for _, f := range change {
		f(c)
	}
	return c
}

func token(ref *authenticationv1.BoundObjectReference, audiences ...string) *authenticationv1.TokenRequest {
	return &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{BoundObjectRef: ref, Audiences: audiences}}
}

// withToken gives a pod a projected volume with a token.
func withToken(audience string) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.Spec.Volumes = append(p.Spec.Volumes, corev1.Volume{VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{
			Sources: []corev1.VolumeProjection{{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Audience: audience}}}}}})
	}
}

func TestNodeRestriction(t *testing.T) {
	factory := informers.NewSharedInformerFactory(fake.NewClientset(), 0)
	p := build(t, nodeRestriction(), Inputs{Informers: factory, Client: fake.NewClientset(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "a", UID: "node-a"}})})
	for _, o := range []*corev1.Pod{pod("mine", "a", withToken("")), pod("other", "b")} {
		if err := factory.Core().V1().Pods().Informer().GetIndexer().Add(o); err != nil {
			t.Fatal(err)
		}
	}
	pods, nodes := corev1.SchemeGroupVersion.WithResource("pods"), corev1.SchemeGroupVersion.WithResource("nodes")
	accounts, claims := corev1.SchemeGroupVersion.WithResource("serviceaccounts"), corev1.SchemeGroupVersion.WithResource("persistentvolumeclaims")
	leases, slices := coordinationv1.SchemeGroupVersion.WithResource("leases"), resourcev1.SchemeGroupVersion.WithResource("resourceslices")
	const create, update, remove = admission.Create, admission.Update, admission.Delete
	lease := func(name string) *coordinationv1.Lease {
		return &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: name}}
	}
	slice := func(node string) *resourcev1.ResourceSlice {
		return &resourcev1.ResourceSlice{Spec: resourcev1.ResourceSliceSpec{NodeName: &node}}
	}
	for _, c := range []struct {
		name             string
		resource         schema.GroupVersionResource
		subresource      string
		op               admission.Operation
		object, old      runtime.Object
		namespace, named string
		says             string // "" is allowed
	}{
		{"mirror pod", pods, "", create, pod("m", "a", mirror), nil, "ns", "m", ""},
		{"ordinary pod", pods, "", create, pod("m", "a"), nil, "ns", "m", "can only create mirror pods"},
		{"mirror pod of another node", pods, "", create, pod("m", "b", mirror), nil, "ns", "m", "spec.nodeName set to itself"},
		{"mirror pod without owner", pods, "", create, pod("m", "a", mirror, func(p *corev1.Pod) { p.OwnerReferences = nil }), nil, "ns", "m", "single owner reference set to itself"},
		{"mirror pod with two owners", pods, "", create, pod("m", "a", mirror, func(p *corev1.Pod) { p.OwnerReferences = append(p.OwnerReferences, p.OwnerReferences[0]) }), nil, "ns", "m", "single owner reference set to itself"},
		{"mirror pod of another kind of owner", pods, "", create, pod("m", "a", mirror, owner(func(o *metav1.OwnerReference) { o.APIVersion = "v2" })), nil, "ns", "m", "owner reference set to itself"},
		{"mirror pod of a node of before", pods, "", create, pod("m", "a", mirror, owner(func(o *metav1.OwnerReference) { o.UID = "old" })), nil, "ns", "m", "UID mismatch: expected node-a got old"},
		{"mirror pod whose owner is no controller", pods, "", create, pod("m", "a", mirror, owner(func(o *metav1.OwnerReference) { o.Controller = nil })), nil, "ns", "m", "controller owner reference set to itself"},
		{"mirror pod that holds its node up", pods, "", create, pod("m", "a", mirror, owner(func(o *metav1.OwnerReference) { o.BlockOwnerDeletion = new(true) })), nil, "ns", "m", "must not set blockOwnerDeletion"},
		{"mirror pod with an account", pods, "", create, pod("m", "a", mirror, func(p *corev1.Pod) { p.Spec.ServiceAccountName = "s" }), nil, "ns", "m", "reference serviceaccounts"},
		{"mirror pod with a secret", pods, "", create, pod("m", "a", mirror, func(p *corev1.Pod) {
			p.Spec.Volumes = []corev1.Volume{{VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "s"}}}}
		}), nil, "ns", "m", "reference secrets"},
		{"mirror pod with a secret to pull with", pods, "", create, pod("m", "a", mirror, func(p *corev1.Pod) {
			p.Spec.ImagePullSecrets = []corev1.LocalObjectReference{{Name: "s"}}
		}), nil, "ns", "m", "reference secrets"},
		{"mirror pod with a resource claim", pods, "", create, pod("m", "a", mirror, func(p *corev1.Pod) {
			p.Spec.ResourceClaims = []corev1.PodResourceClaim{{ResourceClaimName: new("c")}}
		}), nil, "ns", "m", "reference resourceclaims"},
		{"a resource claim by status", pods, "status", update, pod("mine", "a", func(p *corev1.Pod) {
			p.Status.ResourceClaimStatuses = []corev1.PodResourceClaimStatus{{ResourceClaimName: new("c")}}
		}), pod("mine", "a"), "ns", "mine", "cannot update resource claim statuses"},
		{"an extended resource's claim by status", pods, "status", update, pod("mine", "a", func(p *corev1.Pod) {
			p.Status.ExtendedResourceClaimStatus = &corev1.PodExtendedResourceClaimStatus{ResourceClaimName: "c"}
		}), pod("mine", "a"), "ns", "mine", "cannot update resource claim statuses"},
		{"deletion of its pod", pods, "", remove, nil, nil, "ns", "mine", ""},
		{"deletion of another's pod", pods, "", remove, nil, nil, "ns", "other", "can only delete or evict pods"},
		{"change of a pod", pods, "", update, pod("mine", "a"), pod("mine", "a"), "ns", "mine", "can not change the spec"},
		{"status", pods, "status", update, pod("mine", "a"), pod("mine", "a"), "ns", "mine", ""},
		{"status of another's pod", pods, "status", update, pod("other", "a"), pod("other", "b"), "ns", "other", "can only update the status"},
		{"labels by status", pods, "status", update, pod("mine", "a", func(p *corev1.Pod) { p.Labels = map[string]string{"a": "b"} }), pod("mine", "a"), "ns", "mine", "labels"},
		{"eviction", pods, "eviction", create, &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Name: "mine"}}, nil, "ns", "mine", ""},
		{"eviction of another's pod", pods, "eviction", create, &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Name: "other"}}, nil, "ns", "mine", "can only delete or evict pods"},
		{"binding", pods, "binding", create, &corev1.Binding{}, nil, "ns", "mine", "may not use the subresource"},

		{"its node", nodes, "", create, node(func(n *corev1.Node) {
			n.Labels = map[string]string{corev1.LabelHostname: "a", "kubelet.kubernetes.io/x": "1", "mine": "1"}
		}), nil, "", "", ""},
		{"its node with a label that others trust", nodes, "", create, node(), nil, "", "", "is not allowed to set the label"},
		{"another node", nodes, "", update, node(), node(), "", "b", "is not allowed to modify other nodes"},
		{"an unchanged label that others trust", nodes, "", update, node(), node(), "", "a", ""},
		{"a label of its own", nodes, "", update, node(label("example.org/x")), node(), "", "a", ""},
		{"a role", nodes, "", update, node(label("node-role.kubernetes.io/control-plane")), node(), "", "a", "is not allowed to set the label"},
		{"a label taken away", nodes, "", update, node(func(n *corev1.Node) { n.Labels = nil }), node(), "", "a", "is not allowed to remove the label"},
		{"a taint", nodes, "", update, node(func(n *corev1.Node) { n.Spec.Taints = []corev1.Taint{{Key: "x"}} }), node(), "", "a", "is not allowed to modify taints"},
		{"an owner", nodes, "", update, node(func(n *corev1.Node) { n.OwnerReferences = []metav1.OwnerReference{{Kind: "ConfigMap"}} }), node(), "", "a", "is not allowed to modify ownerReferences"},

		{"token for its pod", accounts, "token", create, token(&authenticationv1.BoundObjectReference{Kind: "Pod", APIVersion: "v1", Name: "mine", UID: "u-1"}), nil, "ns", "s", ""},
		{"token for nothing", accounts, "token", create, token(nil), nil, "ns", "s", "bound to a pod, by name and UID"},
		{"token for another's pod", accounts, "token", create, token(&authenticationv1.BoundObjectReference{Kind: "Pod", APIVersion: "v1", Name: "other", UID: "u-1"}), nil, "ns", "s", "scheduled on a different node"},
		{"token for a pod of before", accounts, "token", create, token(&authenticationv1.BoundObjectReference{Kind: "Pod", APIVersion: "v1", Name: "mine", UID: "u-0"}), nil, "ns", "s", "scheduled on a different node"},

		{"growth of a claim", claims, "status", update, claim(func(c *corev1.PersistentVolumeClaim) {
			c.Status.Capacity = corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("2Gi")}
		}), claim(), "ns", "c", ""},
		{"phase of a claim", claims, "status", update, claim(func(c *corev1.PersistentVolumeClaim) { c.Status.Phase = corev1.ClaimLost }), claim(), "ns", "c", "is not allowed to update fields other than"},
		{"claim", claims, "", update, claim(), claim(), "ns", "c", "may only update the status"},

		{"its lease", leases, "", create, lease("a"), nil, corev1.NamespaceNodeLease, "", ""},
		{"another's lease", leases, "", create, lease("b"), nil, corev1.NamespaceNodeLease, "", "can only write the lease of its name"},
		{"lease elsewhere", leases, "", update, lease("a"), lease("a"), "kube-system", "a", "can only write the lease of its name"},
		{"another's CSINode", storagev1.SchemeGroupVersion.WithResource("csinodes"), "", update, &storagev1.CSINode{}, &storagev1.CSINode{}, "", "b", "can only write the CSINode of its name"},
		{"its resource slice", slices, "", create, slice("a"), nil, "", "", ""},
		{"another's resource slice", slices, "", create, slice("b"), nil, "", "", "can only write resource slices of itself"},
		{"deletion of another's resource slice", slices, "", remove, nil, slice("b"), "", "s", "can only write resource slices of itself"},
	} {
		a := admission.NewAttributesRecord(c.object, c.old, schema.GroupVersionKind{}, c.namespace, c.named, c.resource, c.subresource, c.op, nil, false,
			&user.DefaultInfo{Name: "system:node:a", Groups: []string{user.NodesGroup}})
		err := p.Validate(t.Context(), a)
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v, want ...%s", c.name, err, c.says)
		}
		a = admission.NewAttributesRecord(c.object, c.old, schema.GroupVersionKind{}, c.namespace, c.named, c.resource, c.subresource, c.op, nil, false, &user.DefaultInfo{Name: "jane"})
		if err := p.Validate(t.Context(), a); err != nil {
			t.Errorf("%s, by somebody who is no kubelet: got %v", c.name, err)
		}
	}
}
