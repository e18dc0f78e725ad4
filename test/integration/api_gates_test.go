package integration

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	resourcev1 "k8s.io/api/resource/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authentication/user"

	"github.com/proa-sh/proa/test/cluster"
)

// TestAbsentFields: fields of features that are absent are not kept.
func TestAbsentFields(t *testing.T) {
	client := cluster.StartAPI(t).Client
	driver := &storagev1.CSIDriver{ObjectMeta: metav1.ObjectMeta{Name: "d"}, Spec: storagev1.CSIDriverSpec{TokenRequests: []storagev1.TokenRequest{{Audience: "a"}},
		ServiceAccountTokenInSecrets: new(true), NodeAllocatableUpdatePeriodSeconds: new(int64(60))}}
	got, err := client.StorageV1().CSIDrivers().Create(t.Context(), driver, metav1.CreateOptions{})
	if err != nil || got.Spec.ServiceAccountTokenInSecrets != nil || got.Spec.NodeAllocatableUpdatePeriodSeconds != nil {
		t.Fatalf("driver: got %v, %v", got.Spec, err)
	}
	got.Spec.ServiceAccountTokenInSecrets = new(true)
	if got, err = client.StorageV1().CSIDrivers().Update(t.Context(), got, metav1.UpdateOptions{}); err != nil || got.Spec.ServiceAccountTokenInSecrets != nil {
		t.Errorf("driver, updated: got %v, %v", got.Spec, err)
	}
	class, err := client.ResourceV1().DeviceClasses().Create(t.Context(), &resourcev1.DeviceClass{ObjectMeta: metav1.ObjectMeta{Name: "c"},
		Spec: resourcev1.DeviceClassSpec{ExtendedResourceName: new("example.com/gpu")}}, metav1.CreateOptions{})
	if err != nil || class.Spec.ExtendedResourceName != nil {
		t.Errorf("class: got %v, %v", class.Spec, err)
	}
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n"}}
	node.Status.DeclaredFeatures = []string{"GuaranteedQoSPodCPUResize"}
	if node, err = client.CoreV1().Nodes().Create(t.Context(), node, metav1.CreateOptions{}); err != nil || node.Status.DeclaredFeatures != nil {
		t.Errorf("node: got %v, %v", node.Status, err)
	}
}

// TestNodeProxyVersion: what a kubelet reports of a service proxy is not kept (gate DisableNodeKubeProxyVersion).
func TestNodeProxyVersion(t *testing.T) {
	nodes := cluster.StartAPI(t).Client.CoreV1().Nodes()
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n"}}
	node.Status.NodeInfo.KubeProxyVersion = "v1.30.0"
	node, err := nodes.Create(t.Context(), node, metav1.CreateOptions{})
	if err != nil || node.Status.NodeInfo.KubeProxyVersion != "" {
		t.Fatalf("created: got %q, %v", node.Status.NodeInfo.KubeProxyVersion, err)
	}
	node.Status.NodeInfo.KubeProxyVersion, node.Status.NodeInfo.KubeletVersion = "v1.30.0", "v1.36.0"
	node, err = nodes.UpdateStatus(t.Context(), node, metav1.UpdateOptions{})
	if err != nil || node.Status.NodeInfo.KubeProxyVersion != "" || node.Status.NodeInfo.KubeletVersion != "v1.36.0" {
		t.Errorf("status: got %v, %v", node.Status.NodeInfo, err)
	}
}

// TestAdminAccess: claims of devices ask for admin access only where the namespace allows it (gate DRAAdminAccess).
func TestAdminAccess(t *testing.T) {
	client := cluster.StartAPI(t).Client
	for name, labels := range map[string]map[string]string{"plain": nil, "no": {resourcev1.DRAAdminNamespaceLabelKey: "false"}, "admin": {resourcev1.DRAAdminNamespaceLabelKey: "true"}} {
		if _, err := client.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}}, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		for access, allowed := range map[bool]bool{true: name == "admin", false: true} {
			spec := resourcev1.ResourceClaimSpec{Devices: resourcev1.DeviceClaim{Requests: []resourcev1.DeviceRequest{
				{Name: "r", Exactly: &resourcev1.ExactDeviceRequest{DeviceClassName: "c", AdminAccess: new(access)}}}}}
			meta := metav1.ObjectMeta{GenerateName: "a-"}
			_, err := client.ResourceV1().ResourceClaims(name).Create(t.Context(), &resourcev1.ResourceClaim{ObjectMeta: meta, Spec: spec}, metav1.CreateOptions{})
			if (err == nil) != allowed || err != nil && !apierrors.IsInvalid(err) {
				t.Errorf("claim in namespace %s, admin access %t: got %v", name, access, err)
			}
			_, err = client.ResourceV1().ResourceClaimTemplates(name).Create(t.Context(), &resourcev1.ResourceClaimTemplate{ObjectMeta: meta,
				Spec: resourcev1.ResourceClaimTemplateSpec{Spec: spec}}, metav1.CreateOptions{})
			if (err == nil) != allowed || err != nil && !apierrors.IsInvalid(err) {
				t.Errorf("template in namespace %s, admin access %t: got %v", name, access, err)
			}
		}
	}
}

// TestPages: the server tells of itself (gate ComponentStatusz).
func TestPages(t *testing.T) {
	api := cluster.StartAPI(t)
	text, err := api.Client.Discovery().RESTClient().Get().AbsPath("/statusz").SetHeader("Accept", "text/plain").DoRaw(t.Context())
	if err != nil || !strings.Contains(string(text), "apiserver statusz") || !strings.Contains(string(text), "/readyz") {
		t.Errorf("got %v:\n%s", err, text)
	}
}

// TestClaimStatus: who may update the status of claims needs a further permission for each part of it (gate
// DRAResourceClaimGranularStatusAuthorization).
func TestClaimStatus(t *testing.T) {
	api := cluster.StartAPI(t)
	a := actionTest{t, api, api.Client}
	claims := api.Client.ResourceV1().ResourceClaims("default")
	claim, err := claims.Create(t.Context(), &resourcev1.ResourceClaim{ObjectMeta: metav1.ObjectMeta{Name: "c"}, Spec: resourcev1.ResourceClaimSpec{Devices: resourcev1.DeviceClaim{
		Requests: []resourcev1.DeviceRequest{{Name: "r", Exactly: &resourcev1.ExactDeviceRequest{DeviceClassName: "c"}}}}}}, metav1.CreateOptions{})
	a.ok(err)
	grant := func(name string, rules ...rbacv1.PolicyRule) {
		rules = append(rules, rbacv1.PolicyRule{Verbs: []string{"update"}, APIGroups: []string{resourcev1.GroupName}, Resources: []string{"resourceclaims/status"}})
		_, err := api.Client.RbacV1().Roles("default").Create(t.Context(), &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: rules}, metav1.CreateOptions{})
		a.ok(err)
		_, err = api.Client.RbacV1().RoleBindings("default").Create(t.Context(), &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Name: name},
			RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name}, Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: name}}}, metav1.CreateOptions{})
		a.ok(err)
	}
	driver := func(verb string) rbacv1.PolicyRule {
		return rbacv1.PolicyRule{Verbs: []string{verb}, APIGroups: []string{resourcev1.GroupName}, Resources: []string{"resourceclaims/driver"}, ResourceNames: []string{"d.example.com"}}
	}
	grant("nobody")
	grant("binder", rbacv1.PolicyRule{Verbs: []string{"update"}, APIGroups: []string{resourcev1.GroupName}, Resources: []string{"resourceclaims/binding"}})
	grant("local", driver("associated-node:update"))
	grant("global", driver("arbitrary-node:update"))
	update := func(who, node string, change func(*resourcev1.ResourceClaimStatus)) error {
		u := &user.DefaultInfo{Name: who, Groups: []string{user.AllAuthenticated}}
		if node != "" {
			u.Extra = map[string][]string{"authentication.kubernetes.io/node-name": {node}}
		}
		fresh := claim.DeepCopy()
		change(&fresh.Status)
		out, err := a.as(u).ResourceV1().ResourceClaims("default").UpdateStatus(t.Context(), fresh, metav1.UpdateOptions{})
		if err == nil {
			claim = out
		}
		return err
	}
	allocate := func(s *resourcev1.ResourceClaimStatus) {
		s.Allocation = &resourcev1.AllocationResult{
			Devices: resourcev1.DeviceAllocationResult{Results: []resourcev1.DeviceRequestAllocationResult{{Request: "r", Driver: "d.example.com", Pool: "p", Device: "x"}}},
			NodeSelector: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{MatchFields: []corev1.NodeSelectorRequirement{
				{Key: "metadata.name", Operator: corev1.NodeSelectorOpIn, Values: []string{"n1"}}}}}}}
	}
	report := func(data string) func(*resourcev1.ResourceClaimStatus) {
		return func(s *resourcev1.ResourceClaimStatus) {
			s.Devices = []resourcev1.AllocatedDeviceStatus{{Driver: "d.example.com", Pool: "p", Device: "x", NetworkData: &resourcev1.NetworkDeviceData{InterfaceName: data}}}
		}
	}
	const binding, other = `cannot update resource "resourceclaims/binding"`, `cannot arbitrary-node:update resource "resourceclaims/driver"`
	// The server has to learn of the roles first.
	a.eventually(func(err error) bool { return err != nil && strings.Contains(err.Error(), binding) }, func() error { return update("nobody", "", allocate) })
	a.eventually(none, func() error { return update("binder", "", allocate) })
	a.refused("the binder reports", update("binder", "", report("a")), metav1.StatusReasonForbidden, other)
	a.refused("a driver without a node", update("local", "", report("a")), metav1.StatusReasonForbidden, other)
	a.refused("a driver on another node", update("local", "n2", report("a")), metav1.StatusReasonForbidden, other)
	a.eventually(none, func() error { return update("local", "n1", report("a")) })
	a.refused("a driver binds", update("local", "n1", func(s *resourcev1.ResourceClaimStatus) { s.Allocation = nil }), metav1.StatusReasonForbidden, binding)
	a.eventually(none, func() error { return update("global", "", report("b")) })
	a.refused("nobody reports", update("nobody", "n1", report("c")), metav1.StatusReasonForbidden, other)
	a.ok(update("nobody", "n1", report("b"))) // it is so already
}
