package node

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/client-go/informers"
	corelisters "k8s.io/client-go/listers/core/v1"
	storagelisters "k8s.io/client-go/listers/storage/v1"
	"k8s.io/client-go/tools/cache"

	"github.com/proa-sh/proa/pkg/pods"
)

// byNode is the name of the index of pods by the node that they run on.
const byNode = "node-authorizer/node"

// Authorizer decides about kubelets. It is an authorizer.Authorizer.
type Authorizer struct {
	pods        cache.Indexer
	claims      corelisters.PersistentVolumeClaimLister
	volumes     corelisters.PersistentVolumeLister
	attachments storagelisters.VolumeAttachmentLister
	rules       func(authorizer.Attributes) bool
}

// New returns an authorizer on the informers, which must not have started yet. rules says whether the cluster role
// system:node permits a request.
func New(f informers.SharedInformerFactory, rules func(authorizer.Attributes) bool) (*Authorizer, error) {
	pods := f.Core().V1().Pods().Informer()
	err := pods.AddIndexers(cache.Indexers{byNode: func(o any) ([]string, error) {
		pod, ok := o.(*corev1.Pod)
		if !ok {
			return nil, fmt.Errorf("index pods by node: got a %T", o)
		}
		if pod.Spec.NodeName == "" {
			return nil, nil
		}
		return []string{pod.Spec.NodeName}, nil
	}})
	if err != nil {
		return nil, fmt.Errorf("index pods by node: %w", err)
	}
	return &Authorizer{
		pods:        pods.GetIndexer(),
		claims:      f.Core().V1().PersistentVolumeClaims().Lister(),
		volumes:     f.Core().V1().PersistentVolumes().Lister(),
		attachments: f.Storage().V1().VolumeAttachments().Lister(),
		rules:       rules,
	}, nil
}

// Name returns the name of the node whose kubelet u is.
func Name(u user.Info) (string, bool) {
	name, ok := strings.CutPrefix(u.GetName(), "system:node:")
	return name, ok && name != "" && slices.Contains(u.GetGroups(), user.NodesGroup)
}

// Authorize allows a kubelet what belongs to its node, and has no opinion on anything else.
func (a *Authorizer) Authorize(_ context.Context, r authorizer.Attributes) (authorizer.Decision, string, error) {
	node, ok := Name(r.GetUser())
	if !ok {
		return authorizer.DecisionNoOpinion, "", nil
	}
	if !a.rules(r) {
		return authorizer.DecisionNoOpinion, "", nil
	}
	if !r.IsResourceRequest() {
		return authorizer.DecisionAllow, "", nil
	}
	if reason := a.refuse(node, r); reason != "" {
		return authorizer.DecisionNoOpinion, reason, nil
	}
	return authorizer.DecisionAllow, "", nil
}

// refuse returns why a request that a kubelet may make in general is not one about this node, or "".
func (a *Authorizer) refuse(node string, r authorizer.Attributes) string {
	switch (schema.GroupResource{Group: r.GetAPIGroup(), Resource: r.GetResource()}) {
	case schema.GroupResource{Resource: secrets}:
		if reason := a.used(node, r); reason == "" || !a.volumeSecret(node, r) {
			return reason
		}
		return ""
	case schema.GroupResource{Resource: configMaps}, schema.GroupResource{Resource: serviceAccounts}, schema.GroupResource{Resource: claims},
		schema.GroupResource{Group: "resource.k8s.io", Resource: resourceClaims}:
		return a.used(node, r)
	case schema.GroupResource{Resource: "persistentvolumes"}:
		return a.usedVolume(node, r)
	case schema.GroupResource{Group: "storage.k8s.io", Resource: "volumeattachments"}:
		attachment, err := a.attachments.Get(r.GetName())
		if err != nil || attachment.Spec.NodeName != node {
			return "the volume attachment is not of this node"
		}
		return ""
	case schema.GroupResource{Resource: "pods"}:
		return a.refusePods(node, r)
	case schema.GroupResource{Resource: "nodes"}:
		return own(node, r, "metadata.name")
	case schema.GroupResource{Group: "storage.k8s.io", Resource: "csinodes"}:
		return own(node, r, "metadata.name")
	case schema.GroupResource{Group: "coordination.k8s.io", Resource: "leases"}:
		if r.GetNamespace() != corev1.NamespaceNodeLease {
			return "a kubelet may only use leases in the namespace " + corev1.NamespaceNodeLease
		}
		return own(node, r, "metadata.name")
	case schema.GroupResource{Group: "resource.k8s.io", Resource: "resourceslices"}:
		if r.GetVerb() == "list" || r.GetVerb() == "watch" || r.GetVerb() == "deletecollection" {
			return own(node, r, "spec.nodeName")
		}
	}
	return ""
}

// own refuses requests about another object than the node's own. Creations are checked by admission, which sees the
// object.
func own(node string, r authorizer.Attributes, field string) string {
	if r.GetVerb() == "create" || r.GetName() == node || selects(r, field, node) {
		return ""
	}
	return fmt.Sprintf("a kubelet may only use the %s of its own node", r.GetResource())
}

// selects reports whether the request is limited to objects with the field's value.
func selects(r authorizer.Attributes, field, value string) bool {
	requirements, err := r.GetFieldSelector()
	return err == nil && slices.ContainsFunc(requirements, func(q fields.Requirement) bool {
		return q.Field == field && q.Value == value && (q.Operator == selection.Equals || q.Operator == selection.DoubleEquals)
	})
}

func (a *Authorizer) refusePods(node string, r authorizer.Attributes) string {
	switch r.GetVerb() {
	case "list", "watch", "deletecollection":
		if !selects(r, "spec.nodeName", node) {
			return "a kubelet may only list and watch the pods of its own node"
		}
	case "get":
		for _, p := range a.podsOf(node) {
			if p.Name == r.GetName() && p.Namespace == r.GetNamespace() {
				return ""
			}
		}
		return "the pod does not run on this node"
	}
	return ""
}

// used refuses requests about an object that no pod of the node uses.
func (a *Authorizer) used(node string, r authorizer.Attributes) string {
	if r.GetName() == "" {
		return fmt.Sprintf("a kubelet may only use %s by name", r.GetResource())
	}
	for p := range a.needing(node) {
		if p.Namespace == r.GetNamespace() && uses(p, Reference{r.GetResource(), r.GetName()}) {
			return ""
		}
	}
	return "no relationship found between this node and the object"
}

func (a *Authorizer) usedVolume(node string, r authorizer.Attributes) string {
	for name := range a.volumesOf(node) {
		if name == r.GetName() {
			return ""
		}
	}
	return "no relationship found between this node and the volume"
}

// volumeSecret reports whether a volume that a pod of the node uses needs the secret.
func (a *Authorizer) volumeSecret(node string, r authorizer.Attributes) bool {
	for name := range a.volumesOf(node) {
		volume, err := a.volumes.Get(name)
		if err != nil {
			continue // it is gone
		}
		for _, ref := range secretsOf(volume) {
			if ref.Namespace == r.GetNamespace() && ref.Name == r.GetName() {
				return r.GetName() != ""
			}
		}
	}
	return false
}

// volumesOf yields the names of the volumes that are bound to claims of the node's pods.
func (a *Authorizer) volumesOf(node string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for p := range a.needing(node) {
			for ref := range References(p) {
				if ref.Resource != claims {
					continue
				}
				claim, err := a.claims.PersistentVolumeClaims(p.Namespace).Get(ref.Name)
				if err == nil && claim.Spec.VolumeName != "" && !yield(claim.Spec.VolumeName) {
					return
				}
			}
		}
	}
}

// needing yields the pods of the node for which its kubelet may read objects. Mirror pods give it no right: the kubelet
// itself has written them.
func (a *Authorizer) needing(node string) iter.Seq[*corev1.Pod] {
	return func(yield func(*corev1.Pod) bool) {
		for _, p := range a.podsOf(node) {
			if !pods.IsMirror(p) && !yield(p) {
				return
			}
		}
	}
}

func (a *Authorizer) podsOf(node string) []*corev1.Pod {
	// The only error is that of an unknown index.
	objects, _ := a.pods.ByIndex(byNode, node)
	pods := make([]*corev1.Pod, 0, len(objects))
	for _, o := range objects {
		pods = append(pods, o.(*corev1.Pod))
	}
	return pods
}
