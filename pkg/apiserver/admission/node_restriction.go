package admission

import (
	"context"
	"fmt"
	"strings"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	resourcev1 "k8s.io/api/resource/v1"
	storagev1 "k8s.io/api/storage/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"

	nodeauthz "github.com/proa-sh/proa/pkg/apiserver/authz/node"
)

// nodeRestriction lets a kubelet write, of what the Node authorizer permits, only what is about its own node: its Node (and of
// that no label under node-restriction.kubernetes.io/, no taint later), its mirror pods and the status of its pods,
// evictions of its pods, its Lease and CSINode, tokens for its pods and for what they name. A mirror pod may name no API object, for the Node
// authorizer lets a kubelet read what its pods name; which fields name one says pkg/apiserver/authz/node, for both.
func nodeRestriction() Plugin {
	return Plugin{Name: "NodeRestriction", Off: true, On: []admission.Operation{admission.Create, admission.Update, admission.Delete}, Does: validates, New: func(in Inputs) (Rules, error) {
		pods, nodes := in.Informers.Core().V1().Pods(), in.Informers.Core().V1().Nodes()
		p := &kubelets{in.gate, in.Client, in.Authorizer, in.Settings.APIAudiences, pods.Lister(), nodes.Lister()}
		return Rules{Needs: synced{pods.Informer(), nodes.Informer()}, Validate: p.validate}, nil
	}}
}

// kubelets restricts kubelets.
type kubelets struct {
	gate
	client     kubernetes.Interface
	authorizer authorizer.Authorizer
	audiences  []string // of tokens for which none is named
	pods       corelisters.PodLister
	nodes      corelisters.NodeLister
}

// validate refuses a kubelet's writes that are not about its own node.
func (p *kubelets) validate(ctx context.Context, a admission.Attributes) error {
	node, ok := nodeauthz.Name(a.GetUserInfo())
	if !ok {
		return nil
	}
	if err := p.ready(a); err != nil {
		return err
	}
	if reason := p.refuse(ctx, node, a); reason != "" {
		return admission.NewForbidden(a, fmt.Errorf("node %q %s", node, reason))
	}
	return nil
}

// refuse returns why the node may not do this, or "".
func (p *kubelets) refuse(ctx context.Context, node string, a admission.Attributes) string {
	switch a.GetResource().GroupResource() {
	case corev1.Resource("pods"):
		return p.refusePod(ctx, node, a)
	case corev1.Resource("nodes"):
		return refuseNode(node, a)
	case corev1.Resource("serviceaccounts"):
		return p.refuseToken(ctx, node, a)
	case corev1.Resource("persistentvolumeclaims"):
		return refuseClaim(a)
	case coordinationv1.Resource("leases"):
		if a.GetNamespace() != corev1.NamespaceNodeLease || nameOf(a) != node {
			return fmt.Sprintf("can only write the lease of its name in namespace %s", corev1.NamespaceNodeLease)
		}
	case storagev1.Resource("csinodes"):
		if nameOf(a) != node {
			return "can only write the CSINode of its name"
		}
	case resourcev1.Resource("resourceslices"):
		for _, o := range []any{a.GetObject(), a.GetOldObject()} {
			if s, ok := o.(*resourcev1.ResourceSlice); ok && (s.Spec.NodeName == nil || *s.Spec.NodeName != node) {
				return "can only write resource slices of itself"
			}
		}
	}
	return ""
}

// nameOf is the name of the object in question; the request names none when it creates one.
func nameOf(a admission.Attributes) string {
	if a.GetName() != "" || a.GetObject() == nil {
		return a.GetName()
	}
	m, err := meta.Accessor(a.GetObject())
	if err != nil {
		return ""
	}
	return m.GetName()
}

func (p *kubelets) refusePod(ctx context.Context, node string, a admission.Attributes) string {
	switch a.GetSubresource() {
	case "":
		if a.GetOperation() == admission.Create {
			return p.refuseNewPod(ctx, node, a.GetObject().(*corev1.Pod))
		}
		if a.GetOperation() == admission.Delete {
			return p.ownPod(node, a, a.GetName())
		}
		return "can not change the spec of pods"
	case "status":
		return refusePodStatus(node, a)
	case "eviction":
		name := a.GetName()
		if e, ok := a.GetObject().(*policyv1.Eviction); ok && e.Name != "" {
			name = e.Name
		}
		return p.ownPod(node, a, name)
	default:
		return fmt.Sprintf("may not use the subresource %q of pods", a.GetSubresource())
	}
}

// refusePodStatus allows what a kubelet reports of its pods. Which claims are the pod's says the control plane: the node
// may read what stands there.
func refusePodStatus(node string, a admission.Attributes) string {
	old, ok := a.GetOldObject().(*corev1.Pod)
	fresh, okFresh := a.GetObject().(*corev1.Pod)
	if !ok || !okFresh || old.Spec.NodeName != node {
		return "can only update the status of pods with spec.nodeName set to itself"
	}
	if !apiequality.Semantic.DeepEqual(old.Labels, fresh.Labels) {
		return "cannot update labels through pod status"
	}
	if !apiequality.Semantic.DeepEqual(old.Status.ResourceClaimStatuses, fresh.Status.ResourceClaimStatuses) ||
		!apiequality.Semantic.DeepEqual(old.Status.ExtendedResourceClaimStatus, fresh.Status.ExtendedResourceClaimStatus) {
		return "cannot update resource claim statuses"
	}
	return ""
}

func (p *kubelets) ownPod(node string, a admission.Attributes, name string) string {
	pod, err := p.pods.Pods(a.GetNamespace()).Get(name)
	if apierrors.IsNotFound(err) {
		return "" // the API says so itself
	}
	if err != nil || pod.Spec.NodeName != node {
		return "can only delete or evict pods with spec.nodeName set to itself"
	}
	return ""
}

// refuseClaim allows the report that a claim's volume has grown.
func refuseClaim(a admission.Attributes) string {
	fresh, ok := a.GetObject().(*corev1.PersistentVolumeClaim)
	old, okOld := a.GetOldObject().(*corev1.PersistentVolumeClaim)
	if a.GetOperation() != admission.Update || a.GetSubresource() != "status" || !ok || !okOld {
		return "may only update the status of persistent volume claims"
	}
	was, is := old.DeepCopy(), fresh.DeepCopy()
	for _, c := range []*corev1.PersistentVolumeClaim{was, is} {
		c.ManagedFields, c.ResourceVersion = nil, ""
		c.Status.Capacity, c.Status.Conditions, c.Status.AllocatedResources, c.Status.AllocatedResourceStatuses = nil, nil, nil, nil
		c.Status.ModifyVolumeStatus, c.Status.CurrentVolumeAttributesClassName = nil, nil
	}
	if !apiequality.Semantic.DeepEqual(was, is) {
		return "is not allowed to update fields other than status.capacity, status.conditions and status.allocatedResources of persistent volume claims"
	}
	return ""
}

func refuseNode(node string, a admission.Attributes) string {
	if nameOf(a) != node {
		return "is not allowed to modify other nodes"
	}
	fresh, ok := a.GetObject().(*corev1.Node)
	if !ok {
		return ""
	}
	old, _ := a.GetOldObject().(*corev1.Node)
	if a.GetOperation() == admission.Create || old == nil {
		old = &corev1.Node{}
	} else if !apiequality.Semantic.DeepEqual(old.Spec.Taints, fresh.Spec.Taints) {
		return "is not allowed to modify taints"
	} else if !apiequality.Semantic.DeepEqual(old.OwnerReferences, fresh.OwnerReferences) {
		return "is not allowed to modify ownerReferences" // its node would go with an owner of its choice
	}
	for key, value := range fresh.Labels {
		if was, ok := old.Labels[key]; (!ok || was != value) && restricted(key) {
			return fmt.Sprintf("is not allowed to set the label %q", key)
		}
	}
	for key := range old.Labels {
		if _, ok := fresh.Labels[key]; !ok && restricted(key) {
			return fmt.Sprintf("is not allowed to remove the label %q", key)
		}
	}
	return ""
}

// restricted reports whether a label is of those that say something about a node which the node itself may not decide
// (KEP-279): the prefix node-restriction.kubernetes.io/, and of kubernetes.io and k8s.io all but some.
func restricted(key string) bool {
	prefix, _, found := strings.Cut(key, "/")
	if !found {
		return false
	}
	if under(prefix, "node-restriction.kubernetes.io") {
		return true
	}
	if !under(prefix, "kubernetes.io") && !under(prefix, "k8s.io") {
		return false
	}
	if under(prefix, "kubelet.kubernetes.io") || under(prefix, "node.kubernetes.io") {
		return false
	}
	switch key {
	case corev1.LabelHostname, corev1.LabelArchStable, corev1.LabelOSStable, corev1.LabelInstanceType, corev1.LabelInstanceTypeStable,
		corev1.LabelFailureDomainBetaZone, corev1.LabelFailureDomainBetaRegion, corev1.LabelTopologyZone, corev1.LabelTopologyRegion,
		"beta.kubernetes.io/os", "beta.kubernetes.io/arch", corev1.LabelWindowsBuild:
		return false
	}
	return true
}

func under(domain, parent string) bool {
	return domain == parent || strings.HasSuffix(domain, "."+parent)
}
