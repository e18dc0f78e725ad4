package integration

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"

	"github.com/proa-sh/proa/pkg/apiserver/options"
	"github.com/proa-sh/proa/test/cluster"
)

// upkeepTest is a test of what the server keeps.
type upkeepTest struct {
	*testing.T
	client kubernetes.Interface
	first  *options.Options // of the server
}

func TestUpkeep(t *testing.T) {
	test := upkeepTest{}
	test.client = cluster.StartAPI(t, func(o *options.Options) { test.first = o }).Client
	for _, c := range []struct {
		name string
		run  func(upkeepTest)
	}{
		{"a second server", upkeepTest.secondServer},
		{"the Service kubernetes", upkeepTest.kubernetes},
		{"roles", upkeepTest.roles},
		{"namespaces", upkeepTest.namespaces},
		{"priority classes", upkeepTest.priorityClasses},
		{"flow control", upkeepTest.flowControl},
		{"service CIDRs", upkeepTest.serviceCIDRs},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(upkeepTest{t, test.client, test.first}) })
	}
}

func (t upkeepTest) ok(err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// until waits for a state; look returns "" when it is there, or what there is instead.
func (t upkeepTest) until(what string, look func() string) {
	t.Helper()
	var got string
	err := wait.PollUntilContextTimeout(t.Context(), 20*time.Millisecond, time.Minute, true, func(context.Context) (bool, error) {
		got = look()
		return got == "", nil
	})
	if err != nil {
		t.Fatalf("%s: %s", what, got)
	}
}

// endpoints returns the addresses of the servers, by Endpoints and by EndpointSlice.
func (t upkeepTest) endpoints() string {
	var out []string
	e, err := t.client.CoreV1().Endpoints("default").Get(t.Context(), "kubernetes", metav1.GetOptions{})
	if err != nil {
		return err.Error()
	}
	for _, s := range e.Subsets {
		for _, a := range s.Addresses {
			out = append(out, a.IP)
		}
	}
	slice, err := t.client.DiscoveryV1().EndpointSlices("default").Get(t.Context(), "kubernetes", metav1.GetOptions{})
	if err != nil {
		return err.Error()
	}
	out = append(out, "and")
	for _, e := range slice.Endpoints {
		out = append(out, e.Addresses...)
	}
	return strings.Join(out, " ")
}

func (t upkeepTest) untilEndpoints(want string) {
	t.Helper()
	t.until("endpoints of the Service kubernetes, want "+want, func() string {
		if got := t.endpoints(); got != want {
			return got
		}
		return ""
	})
}

const oneServer, twoServers = "192.0.2.1 and 192.0.2.1", "192.0.2.1 192.0.2.2 and 192.0.2.1 192.0.2.2"

// secondServer starts another server on the same etcd, which finds all as it should be, and ends it.
func (t upkeepTest) secondServer() {
	before := versionsOf(t.T, t.client)
	t.Run("runs", func(tt *testing.T) {
		cluster.StartAPI(tt, func(o *options.Options) {
			o.Etcd.StorageConfig.Transport.ServerList = t.first.Etcd.StorageConfig.Transport.ServerList
			o.Run.AdvertiseAddress = net.IPv4(192, 0, 2, 2)
		})
		t.untilEndpoints(twoServers)
	})
	if got := t.endpoints(); got != oneServer {
		t.Errorf("after the second server has ended, the endpoints are %s", got)
	}
	if diff := cmp.Diff(before, versionsOf(t.T, t.client)); diff != "" {
		t.Errorf("nothing was amiss, and yet something was written (-before +after):\n%s", diff)
	}
}

func (t upkeepTest) kubernetes() {
	t.ok(t.client.CoreV1().Services("default").Delete(t.Context(), "kubernetes", metav1.DeleteOptions{}))
	t.ok(t.client.CoreV1().Endpoints("default").Delete(t.Context(), "kubernetes", metav1.DeleteOptions{}))
	t.ok(t.client.DiscoveryV1().EndpointSlices("default").Delete(t.Context(), "kubernetes", metav1.DeleteOptions{}))
	t.until("the Service", func() string {
		s, err := t.client.CoreV1().Services("default").Get(t.Context(), "kubernetes", metav1.GetOptions{})
		if err != nil {
			return err.Error()
		}
		if s.Spec.ClusterIP != "10.96.0.1" {
			return s.Spec.ClusterIP
		}
		return ""
	})
	t.untilEndpoints(oneServer)
	// Somebody points it elsewhere.
	_, err := t.client.CoreV1().Endpoints("default").Patch(t.Context(), "kubernetes", types.MergePatchType, []byte(`{"subsets":[{"addresses":[{"ip":"192.0.2.66"}],"ports":[{"port":1}]}]}`), metav1.PatchOptions{})
	t.ok(err)
	t.untilEndpoints(oneServer)
}

func (t upkeepTest) roles() {
	roles, bindings := t.client.RbacV1().ClusterRoles(), t.client.RbacV1().ClusterRoleBindings()
	change := func(name string, annotate bool) {
		role, err := roles.Get(t.Context(), name, metav1.GetOptions{})
		t.ok(err)
		role.Rules = []rbacv1.PolicyRule{{Verbs: []string{"get"}, APIGroups: []string{""}, Resources: []string{"mine"}}}
		if annotate {
			role.Annotations["rbac.authorization.kubernetes.io/autoupdate"] = "false"
		}
		_, err = roles.Update(t.Context(), role, metav1.UpdateOptions{})
		t.ok(err)
	}
	change("system:kube-scheduler", true)
	change("system:node", false)
	t.ok(roles.Delete(t.Context(), "system:basic-user", metav1.DeleteOptions{}))
	binding, err := bindings.Get(t.Context(), "system:basic-user", metav1.GetOptions{})
	t.ok(err)
	binding.Subjects = nil
	_, err = bindings.Update(t.Context(), binding, metav1.UpdateOptions{})
	t.ok(err)
	t.ok(t.client.RbacV1().Roles("kube-system").Delete(t.Context(), "system:controller:bootstrap-signer", metav1.DeleteOptions{}))
	has := func(name, resource string) bool {
		role, err := roles.Get(t.Context(), name, metav1.GetOptions{})
		if err != nil {
			return false
		}
		return slices.ContainsFunc(role.Rules, func(r rbacv1.PolicyRule) bool { return slices.Contains(r.Resources, resource) })
	}
	t.until("roles and bindings", func() string {
		binding, err := bindings.Get(t.Context(), "system:basic-user", metav1.GetOptions{})
		if err != nil || len(binding.Subjects) == 0 {
			return fmt.Sprint("the binding is not repaired: ", err)
		}
		if _, err := t.client.RbacV1().Roles("kube-system").Get(t.Context(), "system:controller:bootstrap-signer", metav1.GetOptions{}); err != nil {
			return err.Error()
		}
		if !has("system:node", "pods") || !has("system:basic-user", "selfsubjectreviews") {
			return "the roles are not repaired"
		}
		return ""
	})
	if !has("system:node", "mine") {
		t.Error("what others have added to a role has gone")
	}
	if has("system:kube-scheduler", "pods") {
		t.Error("a role that is not to be updated was")
	}
}

func (t upkeepTest) namespaces() {
	namespaces := t.client.CoreV1().Namespaces()
	old, err := namespaces.Get(t.Context(), "kube-node-lease", metav1.GetOptions{})
	t.ok(err)
	t.ok(namespaces.Delete(t.Context(), "kube-node-lease", metav1.DeleteOptions{}))
	n, err := namespaces.Get(t.Context(), "kube-node-lease", metav1.GetOptions{})
	t.ok(err)
	n.Spec.Finalizers = nil
	_, err = namespaces.Finalize(t.Context(), n, metav1.UpdateOptions{})
	t.ok(err)
	t.until("the namespace", func() string {
		n, err := namespaces.Get(t.Context(), "kube-node-lease", metav1.GetOptions{})
		if err != nil {
			return err.Error()
		}
		if n.UID == old.UID {
			return "is still the old one"
		}
		return ""
	})
}

func (t upkeepTest) priorityClasses() {
	classes := t.client.SchedulingV1().PriorityClasses()
	old, err := classes.Get(t.Context(), "system-node-critical", metav1.GetOptions{})
	t.ok(err)
	if err := classes.Delete(t.Context(), old.Name, metav1.DeleteOptions{}); apierrors.IsForbidden(err) {
		return // nobody can
	}
	t.ok(err)
	t.until("the class", func() string {
		c, err := classes.Get(t.Context(), old.Name, metav1.GetOptions{})
		if err != nil || c.UID == old.UID {
			return fmt.Sprint("is not new: ", err)
		}
		return ""
	})
}

func (t upkeepTest) flowControl() {
	schemas := t.client.FlowcontrolV1().FlowSchemas()
	change := func(name string, annotation any) {
		patch := `{"spec":{"matchingPrecedence":4321}}`
		if annotation != nil {
			patch = fmt.Sprintf(`{"metadata":{"annotations":{"apf.kubernetes.io/autoupdate-spec":"%v"}},"spec":{"matchingPrecedence":4321}}`, annotation)
		}
		_, err := schemas.Patch(t.Context(), name, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
		t.ok(err)
	}
	precedence := func(name string) int32 {
		s, err := schemas.Get(t.Context(), name, metav1.GetOptions{})
		if err != nil {
			return 0
		}
		return s.Spec.MatchingPrecedence
	}
	change("service-accounts", "false")
	change("system-nodes", nil)
	t.ok(schemas.Delete(t.Context(), "probes", metav1.DeleteOptions{}))
	t.until("flow schemas", func() string {
		if p := precedence("system-nodes"); p == 4321 {
			return "system-nodes is not brought up to date"
		}
		if precedence("probes") == 0 {
			return "probes is missing"
		}
		return ""
	})
	if precedence("service-accounts") != 4321 {
		t.Error("a schema that is not to be updated was")
	}
}

func (t upkeepTest) serviceCIDRs() {
	cidrs, services := t.client.NetworkingV1().ServiceCIDRs(), t.client.CoreV1().Services("default")
	_, err := cidrs.Create(t.Context(), &networkingv1.ServiceCIDR{ObjectMeta: metav1.ObjectMeta{Name: "more"}, Spec: networkingv1.ServiceCIDRSpec{CIDRs: []string{"10.200.0.0/24"}}}, metav1.CreateOptions{})
	t.ok(err)
	ready := func(want metav1.ConditionStatus) {
		t.Helper()
		t.until("service CIDR ready: "+string(want), func() string {
			c, err := cidrs.Get(t.Context(), "more", metav1.GetOptions{})
			if err != nil {
				return err.Error()
			}
			if condition := apimeta.FindStatusCondition(c.Status.Conditions, "Ready"); condition == nil || condition.Status != want || len(c.Finalizers) != 1 {
				return fmt.Sprint(condition, c.Finalizers)
			}
			return ""
		})
	}
	ready(metav1.ConditionTrue)
	t.until("a service in the new range", func() string { // until the allocator knows it
		_, err := services.Create(t.Context(), service("there", withIP("10.200.0.7")), metav1.CreateOptions{})
		if err != nil {
			return err.Error()
		}
		return ""
	})
	t.ok(cidrs.Delete(t.Context(), "more", metav1.DeleteOptions{}))
	ready(metav1.ConditionFalse)
	if _, err := services.Create(t.Context(), service("late", withIP("10.200.0.8")), metav1.CreateOptions{}); !apierrors.IsInvalid(err) {
		t.Errorf("an address from a range that goes: got %v", err)
	}
	// Whoever needs the range longer keeps it.
	if _, err := services.Get(t.Context(), "there", metav1.GetOptions{}); err != nil {
		t.Error(err)
	}
	t.ok(services.Delete(t.Context(), "there", metav1.DeleteOptions{}))
	t.until("the end of the range", func() string {
		if _, err := cidrs.Get(t.Context(), "more", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
			return fmt.Sprint("it is still there: ", err)
		}
		return ""
	})
}

// versionsOf returns the resource versions of the objects that a cluster starts with.
func versionsOf(t *testing.T, client kubernetes.Interface) map[string]string {
	t.Helper()
	out := map[string]string{}
	note := func(kind string, m *metav1.ObjectMeta) { out[kind+" "+m.Namespace+"/"+m.Name] = m.ResourceVersion }
	options := metav1.ListOptions{}
	fail := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	clusterRoles, err := client.RbacV1().ClusterRoles().List(t.Context(), options)
	fail(err)
	for i := range clusterRoles.Items {
		note("ClusterRole", &clusterRoles.Items[i].ObjectMeta)
	}
	clusterBindings, err := client.RbacV1().ClusterRoleBindings().List(t.Context(), options)
	fail(err)
	for i := range clusterBindings.Items {
		note("ClusterRoleBinding", &clusterBindings.Items[i].ObjectMeta)
	}
	roles, err := client.RbacV1().Roles("").List(t.Context(), options)
	fail(err)
	for i := range roles.Items {
		note("Role", &roles.Items[i].ObjectMeta)
	}
	bindings, err := client.RbacV1().RoleBindings("").List(t.Context(), options)
	fail(err)
	for i := range bindings.Items {
		note("RoleBinding", &bindings.Items[i].ObjectMeta)
	}
	cidrs, err := client.NetworkingV1().ServiceCIDRs().List(t.Context(), options)
	fail(err)
	for i := range cidrs.Items {
		note("ServiceCIDR", &cidrs.Items[i].ObjectMeta)
	}
	return out
}
