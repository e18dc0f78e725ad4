package profile

import (
	"fmt"
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/kube-scheduler/framework"

	"github.com/proa-sh/proa/pkg/scheduler/cache"
	"github.com/proa-sh/proa/pkg/scheduler/reasons"
)

// FitError says why a pod fits on no node. Its text is what users see in events and in the pod's condition. It is valid
// until the profile's next cycle, whose memory it shares.
type FitError struct {
	Pod       *v1.Pod
	Diagnosis Diagnosis
}

// Diagnosis is what came of looking for a node.
type Diagnosis struct {
	snapshot *cache.Snapshot
	// byNode has a status for each node that was looked at and turned down, by position in the snapshot.
	byNode []*framework.Status
	// absent is the status of all nodes without one in byNode; nil means that they were not looked at.
	absent *framework.Status
	// UnschedulablePlugins and PendingPlugins turned nodes, or the pod as a whole, down.
	UnschedulablePlugins sets.Set[string]
	PendingPlugins       sets.Set[string]
	// PreFilterMessage is set when the pod was turned down without looking at nodes.
	PreFilterMessage string
	// PostFilterMessage is what came of trying to make room.
	PostFilterMessage string
}

var _ framework.NodeToStatusReader = &Diagnosis{}

// Get is the status of a node.
func (d *Diagnosis) Get(nodeName string) *framework.Status {
	if i, ok := d.snapshot.Position(nodeName); ok && i < len(d.byNode) && d.byNode[i] != nil {
		return d.byNode[i]
	}
	return d.absentStatus()
}

// NodesForStatusCode are the nodes that were turned down with a code.
func (d *Diagnosis) NodesForStatusCode(nodes framework.NodeInfoLister, code framework.Code) ([]framework.NodeInfo, error) {
	all, err := nodes.List()
	if err != nil {
		return nil, fmt.Errorf("list nodes: %w", err)
	}
	var found []framework.NodeInfo
	for _, n := range all {
		if d.Get(n.Node().Name).Code() == code {
			found = append(found, n)
		}
	}
	return found, nil
}

func (d *Diagnosis) absentStatus() *framework.Status {
	if d.absent != nil {
		return d.absent
	}
	return framework.NewStatus(framework.UnschedulableAndUnresolvable)
}

// addPlugin notes the plugin behind a rejection.
func (d *Diagnosis) addPlugin(status *framework.Status) {
	plugin := status.Plugin()
	if plugin == "" {
		return
	}
	if status.Code() == framework.Pending {
		if d.PendingPlugins == nil {
			d.PendingPlugins = sets.New[string]()
		}
		d.PendingPlugins.Insert(plugin)
		return
	}
	if !d.UnschedulablePlugins.Has(plugin) {
		if d.UnschedulablePlugins == nil {
			d.UnschedulablePlugins = sets.New[string]()
		}
		d.UnschedulablePlugins.Insert(plugin)
	}
}

// Error counts the nodes by reason: "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable."
func (e *FitError) Error() string {
	d := &e.Diagnosis
	if d.snapshot.Len() == 0 {
		return "no nodes available to schedule pods"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "0/%d nodes are available:", d.snapshot.Len())
	if d.PreFilterMessage != "" {
		fmt.Fprintf(&b, " %s.", d.PreFilterMessage)
	} else if counted := d.histogram(); len(counted) > 0 {
		fmt.Fprintf(&b, " %s.", strings.Join(counted, ", "))
	}
	if d.PostFilterMessage != "" {
		b.WriteString(" " + d.PostFilterMessage)
	}
	return b.String()
}

// histogram is the reasons with the number of nodes that have them, in the order of their text.
func (d *Diagnosis) histogram() []string {
	counts := map[string]int{}
	absent := 0
	// Nodes turned down alike mostly share one status, so its reasons are counted once.
	var last *framework.Status
	run := 0
	flush := func() {
		if run > 0 {
			for _, reason := range last.Reasons() {
				counts[reason] += run
			}
		}
		run = 0
	}
	for _, status := range d.byNode {
		if status == nil {
			absent++
			continue
		}
		if status != last {
			flush()
			last = status
		}
		run++
	}
	flush()
	if d.absent != nil {
		if d.byNode == nil {
			absent = d.snapshot.Len()
		}
		for _, reason := range d.absent.Reasons() {
			if absent > 0 {
				counts[reason] += absent
			}
		}
	}
	return reasons.Histogram(counts)
}
