package node

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
)

// testPod is a pod on a node that uses one object in every way.
func testPod(name, node string) *corev1.Pod {
	of := func(what string) string { return name + "-" + what }
	local := func(what string) corev1.LocalObjectReference { return corev1.LocalObjectReference{Name: of(what)} }
	claim := of("dra")
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name}, Spec: corev1.PodSpec{
		NodeName: node, ServiceAccountName: of("account"), ImagePullSecrets: []corev1.LocalObjectReference{local("pull")},
		ResourceClaims: []corev1.PodResourceClaim{{Name: "c", ResourceClaimName: &claim}},
		Volumes: []corev1.Volume{
			{Name: "s", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: of("volume")}}},
			{Name: "m", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: local("map")}}},
			{Name: "p", VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{
				{Secret: &corev1.SecretProjection{LocalObjectReference: local("projected")}}}}}},
			{Name: "c", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: of("claim")}}},
			{Name: "e", VolumeSource: corev1.VolumeSource{Ephemeral: &corev1.EphemeralVolumeSource{}}},
		},
		InitContainers: []corev1.Container{{Name: "i", EnvFrom: []corev1.EnvFromSource{{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: local("init")}}}}},
		Containers: []corev1.Container{{Name: "c", Env: []corev1.EnvVar{{Name: "X", ValueFrom: &corev1.EnvVarSource{
			SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: local("env")}}}}}},
	}}
}

// mirrorPod names the same objects as testPod, but the kubelet itself has written it.
func mirrorPod(name, node string) *corev1.Pod {
	p := testPod(name, node)
	p.Annotations = map[string]string{corev1.MirrorPodAnnotationKey: "x"}
	return p
}

func TestAuthorize(t *testing.T) {
	factory := informers.NewSharedInformerFactory(fake.NewClientset(), 0)
	a, err := New(factory, func(r authorizer.Attributes) bool { return r.GetVerb() != "forbidden" })
	if err != nil {
		t.Fatal(err)
	}
	core := factory.Core().V1()
	add := func(store interface{ Add(any) error }, objects ...any) {
		for _, o := range objects {
			if err := store.Add(o); err != nil {
				t.Fatal(err)
			}
		}
	}
	add(core.Pods().Informer().GetIndexer(), testPod("mine", "a"), testPod("other", "b"), mirrorPod("mirror", "a"))
	for _, pod := range []string{"mine", "other", "mirror"} {
		add(core.PersistentVolumeClaims().Informer().GetIndexer(), &corev1.PersistentVolumeClaim{
			ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: pod + "-claim"}, Spec: corev1.PersistentVolumeClaimSpec{VolumeName: pod + "-pv"}})
		add(core.PersistentVolumes().Informer().GetIndexer(), &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: pod + "-pv"}, Spec: corev1.PersistentVolumeSpec{
			PersistentVolumeSource: corev1.PersistentVolumeSource{CSI: &corev1.CSIPersistentVolumeSource{NodeStageSecretRef: &corev1.SecretReference{Namespace: "storage", Name: pod + "-stage"}}}}})
		add(factory.Storage().V1().VolumeAttachments().Informer().GetIndexer(), &storagev1.VolumeAttachment{
			ObjectMeta: metav1.ObjectMeta{Name: pod + "-attachment"}, Spec: storagev1.VolumeAttachmentSpec{NodeName: map[string]string{"mine": "a", "other": "b", "mirror": "c"}[pod]}})
	}
	kubelet := &user.DefaultInfo{Name: "system:node:a", Groups: []string{user.NodesGroup}}
	get := func(resource, namespace, name string) authorizer.AttributesRecord {
		return authorizer.AttributesRecord{Verb: "get", Resource: resource, Namespace: namespace, Name: name, ResourceRequest: true}
	}
	selecting := func(r authorizer.AttributesRecord, selector string) authorizer.AttributesRecord {
		r.Verb = "list"
		r.FieldSelectorRequirements = fields.ParseSelectorOrDie(selector).Requirements()
		return r
	}
	in := func(group string, r authorizer.AttributesRecord) authorizer.AttributesRecord {
		r.APIGroup = group
		return r
	}
	verb := func(verb string, r authorizer.AttributesRecord) authorizer.AttributesRecord {
		r.Verb = verb
		return r
	}
	const yes, no = authorizer.DecisionAllow, authorizer.DecisionNoOpinion
	for _, c := range []struct {
		name string
		r    authorizer.AttributesRecord
		want authorizer.Decision
	}{
		{"secret of a volume", get("secrets", "ns", "mine-volume"), yes},
		{"secret in a projected volume", get("secrets", "ns", "mine-projected"), yes},
		{"secret to pull with", get("secrets", "ns", "mine-pull"), yes},
		{"secret in the environment", get("secrets", "ns", "mine-env"), yes},
		{"secret of an init container", get("secrets", "ns", "mine-init"), yes},
		{"secret of a volume's driver", get("secrets", "storage", "mine-stage"), yes},
		{"secret of another node's volume", get("secrets", "storage", "other-stage"), no},
		{"secret of another node's pod", get("secrets", "ns", "other-volume"), no},
		{"secret of that name elsewhere", get("secrets", "else", "mine-volume"), no},
		{"all secrets", verb("list", get("secrets", "ns", "")), no},
		{"a verb that no kubelet has", verb("forbidden", get("secrets", "ns", "mine-volume")), no},
		{"config map", get("configmaps", "ns", "mine-map"), yes},
		{"another's config map", get("configmaps", "ns", "other-map"), no},
		{"service account", get("serviceaccounts", "ns", "mine-account"), yes},
		{"another's service account", get("serviceaccounts", "ns", "other-account"), no},
		{"claim", get("persistentvolumeclaims", "ns", "mine-claim"), yes},
		{"ephemeral claim", get("persistentvolumeclaims", "ns", "mine-e"), yes},
		{"another's claim", get("persistentvolumeclaims", "ns", "other-claim"), no},
		{"volume", get("persistentvolumes", "", "mine-pv"), yes},
		{"another's volume", get("persistentvolumes", "", "other-pv"), no},
		{"attachment", in("storage.k8s.io", get("volumeattachments", "", "mine-attachment")), yes},
		{"another's attachment", in("storage.k8s.io", get("volumeattachments", "", "other-attachment")), no},
		{"resource claim", in("resource.k8s.io", get("resourceclaims", "ns", "mine-dra")), yes},
		{"another's resource claim", in("resource.k8s.io", get("resourceclaims", "ns", "other-dra")), no},
		{"secret that a mirror pod pulls with", get("secrets", "ns", "mirror-pull"), no},
		{"secret of a mirror pod's volume", get("secrets", "ns", "mirror-volume"), no},
		{"secret in a mirror pod's environment", get("secrets", "ns", "mirror-env"), no},
		{"secret of the driver of a mirror pod's volume", get("secrets", "storage", "mirror-stage"), no},
		{"config map of a mirror pod", get("configmaps", "ns", "mirror-map"), no},
		{"account of a mirror pod", get("serviceaccounts", "ns", "mirror-account"), no},
		{"claim of a mirror pod", get("persistentvolumeclaims", "ns", "mirror-claim"), no},
		{"volume of a mirror pod", get("persistentvolumes", "", "mirror-pv"), no},
		{"resource claim of a mirror pod", in("resource.k8s.io", get("resourceclaims", "ns", "mirror-dra")), no},
		{"mirror pod", get("pods", "ns", "mirror"), yes},
		{"pod", get("pods", "ns", "mine"), yes},
		{"another's pod", get("pods", "ns", "other"), no},
		{"pods of the node", selecting(get("pods", "", ""), "spec.nodeName=a"), yes},
		{"pods of another node", selecting(get("pods", "", ""), "spec.nodeName=b"), no},
		{"pods not of another node", selecting(get("pods", "", ""), "spec.nodeName!=b"), no},
		{"all pods", verb("watch", get("pods", "", "")), no},
		{"status of a pod, which admission checks", verb("patch", get("pods", "ns", "other")), yes},
		{"node", get("nodes", "", "a"), yes},
		{"another node", get("nodes", "", "b"), no},
		{"node by selector", selecting(get("nodes", "", ""), "metadata.name=a"), yes},
		{"all nodes", verb("list", get("nodes", "", "")), no},
		{"lease", in("coordination.k8s.io", verb("update", get("leases", "kube-node-lease", "a"))), yes},
		{"another's lease", in("coordination.k8s.io", verb("update", get("leases", "kube-node-lease", "b"))), no},
		{"lease elsewhere", in("coordination.k8s.io", verb("update", get("leases", "kube-system", "a"))), no},
		{"resource slices of the node", in("resource.k8s.io", selecting(get("resourceslices", "", ""), "spec.nodeName=a")), yes},
		{"all resource slices", in("resource.k8s.io", verb("list", get("resourceslices", "", ""))), no},
		{"services", verb("list", get("services", "", "")), yes},
		{"path", authorizer.AttributesRecord{Verb: "get", Path: "/version"}, yes},
	} {
		c.r.User = kubelet
		if got, reason, err := a.Authorize(t.Context(), c.r); got != c.want || err != nil {
			t.Errorf("%s: got %v (%s), %v; want %v", c.name, got, reason, err, c.want)
		}
	}
	for _, u := range []*user.DefaultInfo{{Name: "system:node:a"}, {Name: "system:node:", Groups: []string{user.NodesGroup}}, {Name: "a", Groups: []string{user.NodesGroup}}} {
		r := get("secrets", "ns", "mine-volume")
		r.User = u
		if got, _, err := a.Authorize(t.Context(), r); got != no || err != nil {
			t.Errorf("user %v, who is no kubelet: got %v, %v", u, got, err)
		}
	}
}
