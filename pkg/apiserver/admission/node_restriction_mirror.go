package admission

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	nodeauthz "github.com/proa-sh/proa/pkg/apiserver/authz/node"
	"github.com/proa-sh/proa/pkg/pods"
)

// refuseNewPod allows mirror pods, which the node runs already, of itself, and nothing in them that needs the API: a pod
// that a node writes must not say what the node may read.
func (p *kubelets) refuseNewPod(ctx context.Context, node string, pod *corev1.Pod) string {
	if !pods.IsMirror(pod) {
		return fmt.Sprintf("pod does not have %q annotation, node can only create mirror pods", corev1.MirrorPodAnnotationKey)
	}
	if pod.Spec.NodeName != node {
		return "can only create pods with spec.nodeName set to itself"
	}
	if reason := p.refuseOwners(ctx, node, pod.OwnerReferences); reason != "" {
		return reason
	}
	for ref := range nodeauthz.References(pod) {
		return "can not create pods that reference " + ref.Resource
	}
	return ""
}

// refuseOwners wants the node itself, the one that exists now, as the only owner.
func (p *kubelets) refuseOwners(ctx context.Context, node string, owners []metav1.OwnerReference) string {
	if len(owners) != 1 {
		return "can only create pods with a single owner reference set to itself"
	}
	o := owners[0]
	if o.APIVersion != corev1.SchemeGroupVersion.String() || o.Kind != "Node" || o.Name != node {
		return "can only create pods with an owner reference set to itself"
	}
	if o.Controller == nil || !*o.Controller {
		return "can only create pods with a controller owner reference set to itself"
	}
	if o.BlockOwnerDeletion != nil && *o.BlockOwnerDeletion {
		return "must not set blockOwnerDeletion on an owner reference"
	}
	uid, err := p.uidOf(ctx, node)
	if err != nil {
		return fmt.Sprintf("can only create pods once it has registered: %v", err)
	}
	if uid != string(o.UID) {
		return fmt.Sprintf("UID mismatch: expected %s got %s", uid, o.UID)
	}
	return ""
}

// uidOf asks the API for a node that the informer does not know yet.
func (p *kubelets) uidOf(ctx context.Context, name string) (string, error) {
	node, err := p.nodes.Get(name)
	if apierrors.IsNotFound(err) {
		node, err = p.client.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
	}
	if err != nil {
		return "", err
	}
	return string(node.UID), nil
}
