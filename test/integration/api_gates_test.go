package integration

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

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
