package upkeep

import (
	"context"
	"net/netip"
	"slices"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/record"

	"github.com/proa-sh/proa/pkg/apiserver/ipalloc"
)

// Config is what the parts work with.
type Config struct {
	Client    kubernetes.Interface // acts as the server itself
	Informers informers.SharedInformerFactory
	// ServiceRanges are those of the default ServiceCIDR, the primary one first.
	ServiceRanges []netip.Prefix
	Kubernetes    Kubernetes
	Addresses     *ipalloc.Addresses
	Ports         *ipalloc.Ports
	Doubts        *ipalloc.Doubts
	// Recorder tells of Services whose addresses or ports are not their own.
	Recorder record.EventRecorder
	Now      func() time.Time
}

// Parts returns all parts. Their names are those of upstream's post-start hooks.
func Parts(c *Config) []Part {
	core, networking := c.Informers.Core().V1(), c.Informers.Networking().V1()
	roles, flow := c.Informers.Rbac().V1(), c.Informers.Flowcontrol().V1()
	return []Part{
		{Name: "start-system-namespaces-controller", Vital: true, Keep: c.keepNamespaces,
			Wake: []Wake{{core.Namespaces().Informer(), named(namespaces()...)}}},
		{Name: "rbac/bootstrap-roles", Vital: true, Keep: c.keepRoles, Pause: time.Second, Wake: []Wake{
			{roles.ClusterRoles().Informer(), defaultRole}, {roles.ClusterRoleBindings().Informer(), defaultRole},
			{roles.Roles().Informer(), defaultRole}, {roles.RoleBindings().Informer(), defaultRole}}},
		{Name: "scheduling/bootstrap-system-priority-classes", Vital: true, Keep: c.keepPriorityClasses,
			Wake: []Wake{{c.Informers.Scheduling().V1().PriorityClasses().Informer(), named("system-node-critical", "system-cluster-critical")}}},
		{Name: "priority-and-fairness-config-producer", Vital: true, Keep: c.keepFlowControl, Pause: time.Second,
			Wake: []Wake{{flow.FlowSchemas().Informer(), specChanged}, {flow.PriorityLevelConfigurations().Informer(), specChanged}}},
		{Name: "start-kubernetes-service-cidr-controller", Vital: true, Keep: c.keepServiceCIDRs,
			Wake: []Wake{{networking.ServiceCIDRs().Informer(), always}}},
		{Name: "bootstrap-controller", Keep: c.keepKubernetes, Wake: []Wake{
			{core.Services().Informer(), ofKubernetes}, {core.Endpoints().Informer(), ofKubernetes},
			{c.Informers.Discovery().V1().EndpointSlices().Informer(), ofKubernetes}}},
		{Name: "start-service-ip-repair-controllers", Keep: (&allocations{Config: c}).keep, Pause: repairPause,
			Wake: []Wake{{core.Services().Informer(), always}, {networking.IPAddresses().Informer(), always}}},
		{Name: "settle-service-writes", Keep: c.settleWrites, Signal: c.Doubts.Added},
		{Name: "start-legacy-token-tracking-controller", Keep: c.keepTokenTracking, Own: []Wake{{c.trackingInformer(), changed}}},
	}
}

// settleWrites gives back what writes of Services took that were not answered and not stored.
func (c *Config) settleWrites(ctx context.Context) (time.Duration, error) {
	return c.Doubts.Look(ctx, c.Now())
}

func always(_, _ any) bool { return true }

// changed concerns objects that have changed or gone; one that is new the part has made.
func changed(before, _ any) bool { return before != nil }

// named concerns objects of those names that have changed or gone. That one is new is no reason to look: nobody but the
// server makes them.
func named(names ...string) func(before, now any) bool {
	return func(before, _ any) bool {
		m, err := meta.Accessor(before)
		return before != nil && err == nil && slices.Contains(names, m.GetName())
	}
}

// defaultRole concerns default roles and bindings that somebody has changed or deleted. The rules of aggregated roles are
// a controller's.
func defaultRole(before, now any) bool {
	old, err := meta.Accessor(before)
	if before == nil || err != nil || old.GetLabels()["kubernetes.io/bootstrapping"] != "rbac-defaults" {
		return false
	}
	was, ok := before.(*rbacv1.ClusterRole)
	is, okNow := now.(*rbacv1.ClusterRole)
	if !ok || !okNow {
		return true
	}
	return is.AggregationRule == nil || !apiequality.Semantic.DeepEqual(was.AggregationRule, is.AggregationRule) || !apiequality.Semantic.DeepEqual(was.Labels, is.Labels)
}

// specChanged concerns objects whose spec or annotations have changed, or that have gone, and not those whose status has.
func specChanged(before, now any) bool {
	was, err := meta.Accessor(before)
	if before == nil || err != nil {
		return false
	}
	is, err := meta.Accessor(now)
	return now == nil || err != nil || was.GetGeneration() != is.GetGeneration() || !apiequality.Semantic.DeepEqual(was.GetAnnotations(), is.GetAnnotations())
}

// ofKubernetes concerns the Service kubernetes and its endpoints, once they have changed or gone.
func ofKubernetes(before, _ any) bool {
	m, err := meta.Accessor(before)
	return before != nil && err == nil && m.GetNamespace() == metav1.NamespaceDefault && m.GetName() == serviceName
}
