package podtopologyspread

import (
	"fmt"
	"strconv"
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
	"k8s.io/klog/v2"
	"k8s.io/kube-scheduler/framework"

	"github.com/proa-sh/proa/pkg/scheduler/domains"
)

// class keeps the numbers of pods for all pods whose constraints ask the same.
type class struct {
	namespace   string
	constraints []constraint
	// allKeys says that nodes which lack the label of one constraint do not count for the others either.
	allKeys     bool
	affinity    nodeaffinity.RequiredNodeAffinity
	tolerations []v1.Toleration

	// tables has one table for each constraint.
	tables []*table
	cursor domains.Cursor
}

var _ domains.Tracker = &class{}

// classOf is the up-to-date class of a pod with constraints.
func (p *Plugin) classOf(pod *v1.Pod, constraints []constraint, allKeys bool) (*class, error) {
	key, err := classKey(pod, constraints, allKeys)
	if err != nil {
		return nil, err
	}
	c, err := p.classes.Get(key, func() (*class, error) {
		return &class{
			namespace: pod.Namespace, constraints: constraints, allKeys: allKeys,
			affinity: nodeaffinity.GetRequiredNodeAffinity(pod), tolerations: pod.Spec.Tolerations,
		}, nil
	})
	if err != nil {
		return nil, err
	}
	return c, c.cursor.Sync(p.handle.SnapshotSharedLister(), c)
}

// classKey is equal for pods for which the same nodes and pods count.
func classKey(pod *v1.Pod, constraints []constraint, allKeys bool) (string, error) {
	var b strings.Builder
	b.WriteString(pod.Namespace)
	fmt.Fprintf(&b, "\x00%t", allKeys)
	for i := range constraints {
		c := &constraints[i]
		for _, part := range []string{c.key, c.selector.String(), strconv.FormatBool(c.honorAffinity), strconv.FormatBool(c.honorTaints)} {
			b.WriteByte(0)
			b.WriteString(part)
		}
	}
	spec := v1.PodSpec{NodeSelector: pod.Spec.NodeSelector, Tolerations: pod.Spec.Tolerations}
	if a := pod.Spec.Affinity; a != nil && a.NodeAffinity != nil {
		spec.Affinity = &v1.Affinity{NodeAffinity: a.NodeAffinity}
	}
	// The encoding sorts the keys of maps.
	encoded, err := spec.Marshal()
	if err != nil {
		return "", fmt.Errorf("encode node affinity and tolerations: %w", err)
	}
	b.WriteByte(0)
	b.Write(encoded)
	return b.String(), nil
}

// Reset forgets all numbers.
func (c *class) Reset() {
	c.tables = make([]*table, len(c.constraints))
	for i := range c.tables {
		c.tables[i] = newTable()
	}
}

// CountNode counts a node and its pods.
func (c *class) CountNode(node framework.NodeInfo, sign int64) {
	c.count(node.Node(), sign, node.GetPods(), sign)
}

// CountPods counts pods that came to a node.
func (c *class) CountPods(node framework.NodeInfo, added []framework.PodInfo) {
	c.count(node.Node(), 0, added, 1)
}

func (c *class) count(node *v1.Node, nodes int64, pods []framework.PodInfo, sign int64) {
	if c.allKeys && !hasKeys(node.Labels, c.constraints) {
		return
	}
	for i := range c.constraints {
		domain, ok := node.Labels[c.constraints[i].key]
		if !ok || !c.counts(&c.constraints[i], node) {
			continue
		}
		var n int64
		for _, pod := range pods {
			n += c.selects(i, pod.GetPod())
		}
		if nodes != 0 || n != 0 {
			c.tables[i].add(domain, nodes, sign*n)
		}
	}
}

// counts tells whether a node counts for a constraint.
func (c *class) counts(of *constraint, node *v1.Node) bool {
	if of.honorAffinity {
		// A term that cannot be parsed matches no node.
		if match, _ := c.affinity.Match(node); !match {
			return false
		}
	}
	if of.honorTaints {
		_, repelled := corev1.FindMatchingUntoleratedTaint(klog.Logger{}, node.Spec.Taints, c.tolerations, func(t *v1.Taint) bool {
			return t.Effect == v1.TaintEffectNoSchedule || t.Effect == v1.TaintEffectNoExecute
		}, false)
		return !repelled
	}
	return true
}

// selects is 1 for a pod that counts for a constraint. Pods that are on their way out do not, nor does any pod when the
// selector is empty.
func (c *class) selects(i int, pod *v1.Pod) int64 {
	selector := c.constraints[i].selector
	if pod.Namespace != c.namespace || pod.DeletionTimestamp != nil || selector.Empty() || !selector.Matches(labels.Set(pod.Labels)) {
		return 0
	}
	return 1
}

func hasKeys(nodeLabels map[string]string, constraints []constraint) bool {
	for i := range constraints {
		if _, ok := nodeLabels[constraints[i].key]; !ok {
			return false
		}
	}
	return true
}
