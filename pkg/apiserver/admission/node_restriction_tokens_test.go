package admission

import (
	"context"
	"strings"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
)

func withVolume(source corev1.VolumeSource) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.Spec.Volumes = append(p.Spec.Volumes, corev1.Volume{Name: "v", VolumeSource: source})
	}
}

func csiVolume(name, driver string) *corev1.PersistentVolume {
	return &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.PersistentVolumeSpec{
		PersistentVolumeSource: corev1.PersistentVolumeSource{CSI: &corev1.CSIPersistentVolumeSource{Driver: driver}}}}
}

func boundClaim(name, volume string) *corev1.PersistentVolumeClaim {
	return &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name}, Spec: corev1.PersistentVolumeClaimSpec{VolumeName: volume}}
}

// TestTokenAudiences asks for tokens for a pod, for audiences that the pod names in every way, and for others.
func TestTokenAudiences(t *testing.T) {
	client := fake.NewClientset(
		&storagev1.CSIDriver{ObjectMeta: metav1.ObjectMeta{Name: "d"}, Spec: storagev1.CSIDriverSpec{TokenRequests: []storagev1.TokenRequest{{Audience: "vault"}, {Audience: ""}}}},
		csiVolume("pv", "d"), boundClaim("c", "pv"), boundClaim("p-v", "pv"), boundClaim("unbound", ""), boundClaim("lost", "gone"), csiVolume("nobody's", "no driver"))
	factory := informers.NewSharedInformerFactory(fake.NewClientset(), 0)
	granted := func(_ context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
		if a.GetVerb() == "request-serviceaccounts-token-audience" && a.GetAPIGroup() == "" && a.GetNamespace() == "ns" && a.GetResource() == "registry" && a.GetName() == "s" &&
			a.GetUser().GetName() == "system:node:a" {
			return authorizer.DecisionAllow, "", nil
		}
		return authorizer.DecisionNoOpinion, "", nil
	}
	claim := func(name string) func(*corev1.Pod) {
		return withVolume(corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: name}})
	}
	inline := func(driver string) func(*corev1.Pod) {
		return withVolume(corev1.VolumeSource{CSI: &corev1.CSIVolumeSource{Driver: driver}})
	}
	const not = "not found in pod spec volume, system:node:a is not authorized to request tokens for this audience"
	for _, c := range []struct {
		name      string
		volume    func(*corev1.Pod)
		account   string
		audiences []string
		says      string // "" is allowed
	}{
		{"default", withToken(""), "s", []string{"https://api"}, ""},
		{"default, unnamed", withToken(""), "s", nil, ""},
		{"default that is named", withToken("https://api"), "s", []string{"https://api"}, ""},
		{"default of a pod without token", withVolume(corev1.VolumeSource{}), "s", []string{"https://api"}, `audience "" ` + not},
		{"one that is projected", withToken("vault"), "s", []string{"vault"}, ""},
		{"one that is not", withToken("vault"), "s", []string{"bank"}, `audience "bank" ` + not},
		{"default, where another is projected", withToken("vault"), "s", []string{"https://api"}, `audience "" ` + not},
		{"two", withToken("vault"), "s", []string{"vault", "bank"}, "may only request 0 or 1 audiences"},
		{"of an inline volume's driver", inline("d"), "s", []string{"vault"}, ""},
		{"default of a driver", inline("d"), "s", []string{"https://api"}, ""},
		{"another than the driver's", inline("d"), "s", []string{"bank"}, not},
		{"of a driver that is not there", inline("x"), "s", []string{"vault"}, `csidrivers.storage.k8s.io "x" not found`},
		{"of a claim's driver", claim("c"), "s", []string{"vault"}, ""},
		{"of an unbound claim", claim("unbound"), "s", []string{"vault"}, not},
		{"of a lost claim", claim("lost"), "s", []string{"vault"}, `persistentvolumes "gone" not found`},
		{"of a claim that is not there", claim("x"), "s", []string{"vault"}, `persistentvolumeclaims "x" not found`},
		{"of an ephemeral volume's driver", withVolume(corev1.VolumeSource{Ephemeral: &corev1.EphemeralVolumeSource{}}), "s", []string{"vault"}, ""},
		{"granted by role", withToken(""), "s", []string{"registry"}, ""},
		{"granted for another account", withToken(""), "t", []string{"registry"}, `audience "registry" ` + not},
		{"first volume unknown, second names it", func(p *corev1.Pod) { claim("x")(p); inline("d")(p) }, "s", []string{"vault"}, ""},
	} {
		if err := factory.Core().V1().Pods().Informer().GetIndexer().Replace([]any{pod("p", "a", c.volume)}, ""); err != nil {
			t.Fatal(err)
		}
		p := build(t, nodeRestriction(), Inputs{Informers: factory, Client: client, Authorizer: authorizer.AuthorizerFunc(granted), Settings: Settings{APIAudiences: []string{"https://api"}}})
		request := token(&authenticationv1.BoundObjectReference{Kind: "Pod", APIVersion: "v1", Name: "p", UID: "u-1"}, c.audiences...)
		err := p.Validate(t.Context(), admission.NewAttributesRecord(request, nil, schema.GroupVersionKind{}, "ns", c.account, corev1.SchemeGroupVersion.WithResource("serviceaccounts"),
			"token", admission.Create, nil, false, &user.DefaultInfo{Name: "system:node:a", Groups: []string{user.NodesGroup}}))
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v, want ...%s", c.name, err, c.says)
		}
	}
}
