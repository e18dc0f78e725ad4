package node

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"
)

// attachAnnotation tells the control plane that it, and not the kubelet, attaches volumes.
const attachAnnotation = "volumes.kubernetes.io/controller-managed-attach-detach"

// register makes the Node, with the status that is known by now, or takes over the one that is there. Without permission
// to register it waits for one that somebody else makes.
func (n *Node) register(ctx context.Context) error {
	if n.cfg.Register {
		node := n.initial(n.observe(ctx, true))
		created, err := n.cfg.Client.CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{})
		switch {
		case err == nil:
			klog.FromContext(ctx).Info("Registered the node", "node", n.cfg.Name)
			n.tell(v1.NodeStatus{}, created.Status)
			n.learn(created)
			return nil
		case !apierrors.IsAlreadyExists(err):
			return fmt.Errorf("create node: %w", err)
		}
	}
	existing, err := n.cfg.Client.CoreV1().Nodes().Get(ctx, n.cfg.Name, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("read node: %w", err)
	}
	existing, err = n.takeOver(ctx, existing)
	if err != nil {
		return err
	}
	klog.FromContext(ctx).Info("Took over the existing node", "node", n.cfg.Name)
	n.learn(existing)
	return nil
}

// takeOver corrects the labels and annotation that a kubelet answers for; everything else stays as others have made it.
func (n *Node) takeOver(ctx context.Context, node *v1.Node) (*v1.Node, error) {
	labels := map[string]string{}
	for key, value := range n.ownLabels() {
		if node.Labels[key] != value {
			labels[key] = value
		}
	}
	annotations := map[string]string{}
	if node.Annotations[attachAnnotation] != "true" {
		annotations[attachAnnotation] = "true"
	}
	if len(labels)+len(annotations) == 0 {
		return node, nil
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"labels": labels, "annotations": annotations}})
	if err != nil {
		return nil, fmt.Errorf("encode patch of node labels: %w", err)
	}
	patched, err := n.cfg.Client.CoreV1().Nodes().Patch(ctx, node.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{})
	if err != nil {
		return nil, fmt.Errorf("patch node labels: %w", err)
	}
	return patched, nil
}

// ownLabels are the labels whose values a kubelet knows best.
func (n *Node) ownLabels() map[string]string {
	return map[string]string{
		v1.LabelHostname:          n.cfg.Hostname,
		v1.LabelOSStable:          runtime.GOOS,
		v1.LabelArchStable:        runtime.GOARCH,
		"beta.kubernetes.io/os":   runtime.GOOS,
		"beta.kubernetes.io/arch": runtime.GOARCH,
	}
}

// initial is the Node as it is first made.
func (n *Node) initial(o Observed) *v1.Node {
	labels := n.ownLabels()
	for key, value := range n.cfg.Labels {
		labels[key] = value
	}
	node := &v1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: n.cfg.Name, Labels: labels, Annotations: map[string]string{attachAnnotation: "true"}},
		Spec: v1.NodeSpec{
			ProviderID:    n.cfg.ProviderID,
			Unschedulable: n.cfg.Unschedulable,
			Taints:        n.cfg.Taints,
		},
	}
	if n.cfg.Unschedulable {
		node.Spec.Taints = append(append([]v1.Taint(nil), n.cfg.Taints...), v1.Taint{Key: v1.TaintNodeUnschedulable, Effect: v1.TaintEffectNoSchedule})
	}
	node.Status = Status(o, v1.NodeStatus{}, metav1.Now())
	return node
}
