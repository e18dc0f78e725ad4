package upkeep

import (
	"context"
	"time"

	schedulingv1 "k8s.io/api/scheduling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// System priorities, as published in the documentation of pod priority.
const (
	systemCriticalPriority = 2_000_000_000
	nodeCriticalPriority   = systemCriticalPriority + 1000
)

func priorityClasses() []schedulingv1.PriorityClass {
	return []schedulingv1.PriorityClass{
		{ObjectMeta: metav1.ObjectMeta{Name: "system-node-critical"}, Value: nodeCriticalPriority,
			Description: "Used for system critical pods that must not be moved from their current node."},
		{ObjectMeta: metav1.ObjectMeta{Name: "system-cluster-critical"}, Value: systemCriticalPriority,
			Description: "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary."},
	}
}

func (c *Config) keepPriorityClasses(ctx context.Context) (time.Duration, error) {
	g, ctx := group(ctx)
	for _, class := range priorityClasses() {
		g.Go(func() error {
			_, err := c.Client.SchedulingV1().PriorityClasses().Create(ctx, &class, metav1.CreateOptions{})
			return created("priority class", class.Name, err)
		})
	}
	return 0, g.Wait()
}
