package integration

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	nodev1 "k8s.io/api/node/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authentication/user"

	"github.com/proa-sh/proa/test/cluster"
)

// TestAdmission checks that each plugin is in its place in a real server. What they decide is tested beside them.
func TestAdmission(t *testing.T) {
	api := cluster.StartAPI(t)
	for _, test := range []struct {
		name string
		run  func(actionTest, string)
	}{
		{"limit-ranges", actionTest.limitRanges},
		{"quotas", actionTest.quotas},
		{"pod-security", actionTest.podSecurity},
		{"runtime-classes", actionTest.runtimeClasses},
		{"default-classes", actionTest.defaultClasses},
		{"certificates", actionTest.certificates},
		{"topology", actionTest.topology},
		{"claim-growth", actionTest.claimGrowth},
		{"node-tokens", actionTest.nodeTokens},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := actionTest{t, api, api.Client}
			_, err := api.Client.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: test.name}}, metav1.CreateOptions{})
			a.ok(err)
			_, err = api.Client.CoreV1().ServiceAccounts(test.name).Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "default"}}, metav1.CreateOptions{})
			a.ok(err)
			test.run(a, test.name)
		})
	}
}

func newPod(name string, change ...func(*corev1.Pod)) *corev1.Pod {
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "i"}}}}
	for _, c := range change {
		c(p)
	}
	return p
}

// eventually tries until the error is of the wanted kind: the server's informers have to learn of what was just made.
func (t actionTest) eventually(done func(error) bool, try func() error) {
	t.Helper()
	for err := try(); !done(err); err = try() {
		if t.Context().Err() != nil {
			t.Fatal(err)
		}
	}
}

func none(err error) bool { return err == nil }

func (t actionTest) limitRanges(namespace string) {
	cpu := func(s string) corev1.ResourceList {
		return corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(s)}
	}
	_, err := t.client.CoreV1().LimitRanges(namespace).Create(t.Context(), &corev1.LimitRange{ObjectMeta: metav1.ObjectMeta{Name: "l"}, Spec: corev1.LimitRangeSpec{Limits: []corev1.LimitRangeItem{
		{Type: corev1.LimitTypeContainer, Default: cpu("2"), DefaultRequest: cpu("1"), Max: cpu("3")}}}}, metav1.CreateOptions{})
	t.ok(err)
	pods := t.client.CoreV1().Pods(namespace)
	pod, err := pods.Create(t.Context(), newPod("a"), metav1.CreateOptions{})
	t.ok(err)
	if r := pod.Spec.Containers[0].Resources; r.Requests.Cpu().String() != "1" || r.Limits.Cpu().String() != "2" || pod.Status.QOSClass != corev1.PodQOSBurstable {
		t.Errorf("got %v, %s", r, pod.Status.QOSClass)
	}
	_, err = pods.Create(t.Context(), newPod("b", func(p *corev1.Pod) { p.Spec.Containers[0].Resources.Limits = cpu("4") }), metav1.CreateOptions{})
	t.refused("more than the maximum", err, metav1.StatusReasonForbidden, "maximum cpu usage per Container is 3, but limit is 4")
}

// quotas lets many ask for the last places at once.
func (t actionTest) quotas(namespace string) {
	hard := corev1.ResourceList{"pods": resource.MustParse("3"), "requests.cpu": resource.MustParse("10"), "count/configmaps": resource.MustParse("1")}
	quotas := t.client.CoreV1().ResourceQuotas(namespace)
	q, err := quotas.Create(t.Context(), &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Name: "q"}, Spec: corev1.ResourceQuotaSpec{Hard: hard}}, metav1.CreateOptions{})
	t.ok(err)
	// The controller's part, which does not run here.
	q.Status = corev1.ResourceQuotaStatus{Hard: hard, Used: corev1.ResourceList{"pods": resource.MustParse("0"), "requests.cpu": resource.MustParse("0"), "count/configmaps": resource.MustParse("0")}}
	_, err = quotas.UpdateStatus(t.Context(), q, metav1.UpdateOptions{})
	t.ok(err)
	pods := t.client.CoreV1().Pods(namespace)
	create := func(name, cpu string, dry ...string) error {
		_, err := pods.Create(t.Context(), newPod(name, func(p *corev1.Pod) {
			if cpu != "" {
				p.Spec.Containers[0].Resources.Requests = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu)}
			}
		}), metav1.CreateOptions{DryRun: dry})
		return err
	}
	t.eventually(apierrors.IsForbidden, func() error { return create("much", "11", metav1.DryRunAll) })
	t.refused("too much", create("much", "11"), metav1.StatusReasonForbidden, "exceeded quota: q, requested: requests.cpu=11, used: requests.cpu=0, limited: requests.cpu=10")
	t.refused("silent", create("silent", ""), metav1.StatusReasonForbidden, "must specify requests.cpu for: c")
	var made atomic.Int32
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			if err := create(fmt.Sprint("p", i), "1"); err == nil {
				made.Add(1)
			} else if !apierrors.IsForbidden(err) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if made.Load() != 3 {
		t.Errorf("%d pods were let in, want 3", made.Load())
	}
	if q, err = quotas.Get(t.Context(), "q", metav1.GetOptions{}); err != nil || q.Status.Used.Pods().Value() != 3 {
		t.Errorf("used: got %v, %v", q.Status.Used, err)
	}
	_, err = t.client.CoreV1().ConfigMaps(namespace).Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "a"}}, metav1.CreateOptions{})
	t.ok(err)
	_, err = t.client.CoreV1().ConfigMaps(namespace).Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "b"}}, metav1.CreateOptions{})
	t.refused("a second config map", err, metav1.StatusReasonForbidden, "exceeded quota: q, requested: count/configmaps=1, used: count/configmaps=1, limited: count/configmaps=1")
}

func (t actionTest) podSecurity(namespace string) {
	namespaces := t.client.CoreV1().Namespaces()
	n, err := namespaces.Get(t.Context(), namespace, metav1.GetOptions{})
	t.ok(err)
	n.Labels["pod-security.kubernetes.io/enforce"] = "nonsense"
	_, err = namespaces.Update(t.Context(), n, metav1.UpdateOptions{})
	t.refused("a level that there is not", err, metav1.StatusReasonInvalid, "must be one of privileged, baseline, restricted")
	n.Labels["pod-security.kubernetes.io/enforce"] = "baseline"
	_, err = namespaces.Update(t.Context(), n, metav1.UpdateOptions{})
	t.ok(err)
	host := newPod("host", func(p *corev1.Pod) { p.Spec.HostNetwork = true })
	create := func() error {
		_, err := t.client.CoreV1().Pods(namespace).Create(t.Context(), host, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		return err
	}
	t.eventually(apierrors.IsForbidden, create)
	t.refused("the host's network", create(), metav1.StatusReasonForbidden, `pods "host" is forbidden: violates PodSecurity "baseline:latest": host namespaces (hostNetwork=true)`)
	_, err = t.client.CoreV1().Pods(namespace).Create(t.Context(), newPod("a"), metav1.CreateOptions{})
	t.ok(err)
}

func (t actionTest) runtimeClasses(namespace string) {
	name := "sandbox"
	pod := newPod("a", func(p *corev1.Pod) { p.Spec.RuntimeClassName = &name })
	_, err := t.client.CoreV1().Pods(namespace).Create(t.Context(), pod, metav1.CreateOptions{})
	t.refused("no class", err, metav1.StatusReasonForbidden, `RuntimeClass "sandbox" not found`)
	_, err = t.client.NodeV1().RuntimeClasses().Create(t.Context(), &nodev1.RuntimeClass{ObjectMeta: metav1.ObjectMeta{Name: name}, Handler: "h",
		Overhead:   &nodev1.Overhead{PodFixed: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("250m")}},
		Scheduling: &nodev1.Scheduling{NodeSelector: map[string]string{"sandboxes": "yes"}}}, metav1.CreateOptions{})
	t.ok(err)
	got, err := t.client.CoreV1().Pods(namespace).Create(t.Context(), pod, metav1.CreateOptions{})
	t.ok(err)
	if got.Spec.Overhead.Cpu().String() != "250m" || got.Spec.NodeSelector["sandboxes"] != "yes" {
		t.Errorf("got %v, %v", got.Spec.Overhead, got.Spec.NodeSelector)
	}
}

func (t actionTest) defaultClasses(namespace string) {
	_, err := t.client.StorageV1().StorageClasses().Create(t.Context(), &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: "std",
		Annotations: map[string]string{"storageclass.kubernetes.io/is-default-class": "true"}}, Provisioner: "p"}, metav1.CreateOptions{})
	t.ok(err)
	_, err = t.client.NetworkingV1().IngressClasses().Create(t.Context(), &networkingv1.IngressClass{ObjectMeta: metav1.ObjectMeta{Name: "std",
		Annotations: map[string]string{"ingressclass.kubernetes.io/is-default-class": "true"}}, Spec: networkingv1.IngressClassSpec{Controller: "example.org/c"}}, metav1.CreateOptions{})
	t.ok(err)
	dry := metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}
	t.eventually(none, func() error {
		claim, err := t.client.CoreV1().PersistentVolumeClaims(namespace).Create(t.Context(), newClaim("a", "1Gi"), dry)
		t.ok(err)
		if claim.Spec.StorageClassName == nil || *claim.Spec.StorageClassName != "std" {
			return fmt.Errorf("got %v", claim.Spec.StorageClassName)
		}
		return nil
	})
	t.eventually(none, func() error {
		ingress, err := t.client.NetworkingV1().Ingresses(namespace).Create(t.Context(), &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Name: "a"},
			Spec: networkingv1.IngressSpec{DefaultBackend: &networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: "s", Port: networkingv1.ServiceBackendPort{Number: 80}}}}}, dry)
		t.ok(err)
		if ingress.Spec.IngressClassName == nil || *ingress.Spec.IngressClassName != "std" {
			return fmt.Errorf("got %v", ingress.Spec.IngressClassName)
		}
		return nil
	})
}

func newClaim(name, size string) *corev1.PersistentVolumeClaim {
	return &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.PersistentVolumeClaimSpec{
		AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
		Resources:   corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse(size)}}}}
}

func (t actionTest) certificates(string) {
	requests := t.client.CertificatesV1().CertificateSigningRequests()
	csr, err := requests.Create(t.Context(), &certificatesv1.CertificateSigningRequest{ObjectMeta: metav1.ObjectMeta{Name: "r"}, Spec: certificatesv1.CertificateSigningRequestSpec{
		Request: certificateRequest(t.T), SignerName: "example.org/s", Usages: []certificatesv1.KeyUsage{certificatesv1.UsageClientAuth}}}, metav1.CreateOptions{})
	t.ok(err)
	csr.Status.Conditions = []certificatesv1.CertificateSigningRequestCondition{{Type: certificatesv1.CertificateApproved, Status: corev1.ConditionTrue, Reason: "r"}}
	// An approver may write approvals, but of no signer.
	approver := t.as(&user.DefaultInfo{Name: "system:serviceaccount:kube-system:certificate-controller", Groups: []string{user.AllAuthenticated}})
	_, err = approver.CertificatesV1().CertificateSigningRequests().UpdateApproval(t.Context(), "r", csr, metav1.UpdateOptions{})
	t.refused("somebody else's signer", err, metav1.StatusReasonForbidden, `user not permitted to approve requests with signerName "example.org/s"`)
	_, err = requests.UpdateApproval(t.Context(), "r", csr, metav1.UpdateOptions{})
	t.ok(err)
}

func (t actionTest) topology(namespace string) {
	_, err := t.client.CoreV1().Nodes().Create(t.Context(), &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "placed", Labels: map[string]string{corev1.LabelTopologyZone: "z", corev1.LabelTopologyRegion: "r", "other": "o"}}}, metav1.CreateOptions{})
	t.ok(err)
	t.eventually(none, func() error {
		pod, err := t.client.CoreV1().Pods(namespace).Create(t.Context(), newPod("a", func(p *corev1.Pod) { p.Spec.NodeName = "placed" }), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		t.ok(err)
		if pod.Labels[corev1.LabelTopologyZone] != "z" {
			return fmt.Errorf("got %v", pod.Labels)
		}
		return nil
	})
	_, err = t.client.CoreV1().Pods(namespace).Create(t.Context(), newPod("b"), metav1.CreateOptions{})
	t.ok(err)
	t.ok(t.client.CoreV1().Pods(namespace).Bind(t.Context(), &corev1.Binding{ObjectMeta: metav1.ObjectMeta{Name: "b"}, Target: corev1.ObjectReference{Kind: "Node", Name: "placed"}}, metav1.CreateOptions{}))
	pod, err := t.client.CoreV1().Pods(namespace).Get(t.Context(), "b", metav1.GetOptions{})
	t.ok(err)
	if pod.Labels[corev1.LabelTopologyZone] != "z" || pod.Labels[corev1.LabelTopologyRegion] != "r" || pod.Labels["other"] != "" {
		t.Errorf("bound: got %v", pod.Labels)
	}
}

func (t actionTest) claimGrowth(namespace string) {
	claims := t.client.CoreV1().PersistentVolumeClaims(namespace)
	fixed := ""
	claim := newClaim("a", "1Gi")
	claim.Spec.StorageClassName = &fixed
	claim, err := claims.Create(t.Context(), claim, metav1.CreateOptions{})
	t.ok(err)
	claim.Status.Phase = corev1.ClaimBound
	claim, err = claims.UpdateStatus(t.Context(), claim, metav1.UpdateOptions{})
	t.ok(err)
	claim.Spec.Resources.Requests[corev1.ResourceStorage] = resource.MustParse("2Gi")
	_, err = claims.Update(t.Context(), claim, metav1.UpdateOptions{})
	t.refused("a class that cannot grow", err, metav1.StatusReasonForbidden, "only dynamically provisioned pvc can be resized")
}

// nodeTokens lets a kubelet ask for tokens of a pod on its node.
func (t actionTest) nodeTokens(namespace string) {
	_, err := t.client.CoreV1().Nodes().Create(t.Context(), &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "tokens"}}, metav1.CreateOptions{})
	t.ok(err)
	pod, err := t.client.CoreV1().Pods(namespace).Create(t.Context(), newPod("p", func(p *corev1.Pod) {
		p.Spec.NodeName = "tokens"
		p.Spec.Volumes = []corev1.Volume{{Name: "v", VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{
			Sources: []corev1.VolumeProjection{{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Path: "t", Audience: "vault"}}}}}}}
	}), metav1.CreateOptions{})
	t.ok(err)
	kubelet := t.as(&user.DefaultInfo{Name: "system:node:tokens", Groups: []string{user.NodesGroup, user.AllAuthenticated}})
	ask := func(audiences ...string) error {
		_, err := kubelet.CoreV1().ServiceAccounts(namespace).CreateToken(t.Context(), "default", &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{
			Audiences: audiences, BoundObjectRef: &authenticationv1.BoundObjectReference{APIVersion: "v1", Kind: "Pod", Name: pod.Name, UID: pod.UID}}}, metav1.CreateOptions{})
		return err
	}
	t.eventually(none, func() error { return ask() })
	t.ok(ask("vault"))
	t.refused("an audience that the pod does not name", ask("registry.example"), metav1.StatusReasonForbidden,
		`serviceaccounts "default" is forbidden: node "tokens" requested a token: audience "registry.example" not found in pod spec volume, system:node:tokens is not authorized to request tokens for this audience`)
	_, err = t.client.RbacV1().Roles(namespace).Create(t.Context(), &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Name: "pull"}, Rules: []rbacv1.PolicyRule{
		{Verbs: []string{"request-serviceaccounts-token-audience"}, APIGroups: []string{""}, Resources: []string{"registry.example"}, ResourceNames: []string{"default"}}}}, metav1.CreateOptions{})
	t.ok(err)
	_, err = t.client.RbacV1().RoleBindings(namespace).Create(t.Context(), &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "pull"},
		RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "pull"},
		Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: user.NodesGroup}}}, metav1.CreateOptions{})
	t.ok(err)
	t.eventually(none, func() error { return ask("registry.example") })
	t.refused("still another", ask("bank"), metav1.StatusReasonForbidden, `audience "bank" not found in pod spec volume`)
}
