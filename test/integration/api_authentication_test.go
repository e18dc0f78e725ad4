package integration

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/proa-sh/proa/pkg/apiserver/options"
	"github.com/proa-sh/proa/pkg/cluster/pki"
	"github.com/proa-sh/proa/test/cluster"
)

// TestBootstrapTokens lets somebody join with a token in a secret.
func TestBootstrapTokens(t *testing.T) {
	api := cluster.StartAPI(t)
	a := actionTest{t, api, api.Client}
	secrets := api.Client.CoreV1().Secrets("kube-system")
	_, err := secrets.Create(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "bootstrap-token-abcdef"}, Type: "bootstrap.kubernetes.io/token",
		StringData: map[string]string{"token-id": "abcdef", "token-secret": "0123456789abcdef", "usage-bootstrap-authentication": "true",
			"expiration": time.Now().Add(time.Hour).Format(time.RFC3339), "auth-extra-groups": "system:bootstrappers:kubeadm:default-node-token"}}, metav1.CreateOptions{})
	a.ok(err)
	who, err := a.whoami("abcdef.0123456789abcdef")
	for ; apierrors.IsUnauthorized(err); who, err = a.whoami("abcdef.0123456789abcdef") { // until the server's informer knows the secret
	}
	a.ok(err)
	if who.Username != "system:bootstrap:abcdef" || !slices.Contains(who.Groups, "system:bootstrappers:kubeadm:default-node-token") {
		t.Errorf("got %v", who)
	}
	_, err = a.whoami("abcdef.0123456789abcdee")
	a.refused("another secret", err, metav1.StatusReasonUnauthorized, "")
}

// TestTokenWebhook lets another server tell whose token it is.
func TestTokenWebhook(t *testing.T) {
	remote := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var review authenticationv1.TokenReview
		if err := json.NewDecoder(r.Body).Decode(&review); err != nil {
			t.Error(err)
		}
		if review.Spec.Token == "known" {
			review.Status = authenticationv1.TokenReviewStatus{Authenticated: true, User: authenticationv1.UserInfo{Username: "remote"}, Audiences: review.Spec.Audiences}
		}
		if err := json.NewEncoder(w).Encode(review); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(remote.Close)
	file := filepath.Join(t.TempDir(), "webhook")
	if err := clientcmd.WriteToFile(clientcmdapi.Config{
		Clusters:       map[string]*clientcmdapi.Cluster{"c": {Server: remote.URL}},
		AuthInfos:      map[string]*clientcmdapi.AuthInfo{"u": {}},
		Contexts:       map[string]*clientcmdapi.Context{"x": {Cluster: "c", AuthInfo: "u"}},
		CurrentContext: "x",
	}, file); err != nil {
		t.Fatal(err)
	}
	api := cluster.StartAPI(t, func(o *options.Options) {
		o.Authentication.Webhook.ConfigFile, o.Authentication.Webhook.Version = file, "v1"
	})
	a := actionTest{t, api, api.Client}
	if who, err := a.whoami("known"); err != nil || who.Username != "remote" {
		t.Errorf("got %v, %v", who, err)
	}
	_, err := a.whoami("unknown")
	a.refused("unknown", err, metav1.StatusReasonUnauthorized, "")
}

// TestClusterAuthentication checks the ConfigMap by which other servers trust the same clients, also after somebody has
// deleted it or written into it.
func TestClusterAuthentication(t *testing.T) {
	api := cluster.StartAPI(t)
	maps := api.Client.CoreV1().ConfigMaps("kube-system")
	const name = "extension-apiserver-authentication"
	changes, err := maps.Watch(t.Context(), metav1.ListOptions{FieldSelector: "metadata.name=" + name, ResourceVersion: "0"})
	if err != nil {
		t.Fatal(err)
	}
	defer changes.Stop()
	ca, err := os.ReadFile(api.Certificates.Cert(pki.CA))
	if err != nil {
		t.Fatal(err)
	}
	// await reads changes until the ConfigMap is as it should be.
	await := func() *corev1.ConfigMap {
		for e := range changes.ResultChan() {
			m, ok := e.Object.(*corev1.ConfigMap)
			if ok && e.Type != watch.Deleted && m.Data["client-ca-file"] == string(ca) && m.Data["requestheader-allowed-names"] == `["front-proxy-client"]` &&
				m.Data["requestheader-username-headers"] == `["X-Remote-User"]` && m.Data["requestheader-client-ca-file"] != "" {
				return m
			}
		}
		t.Fatal("the watch ended")
		return nil
	}
	m := await()
	if err := maps.Delete(t.Context(), name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	m = await()
	m.Data = map[string]string{"requestheader-username-headers": "nonsense"}
	if _, err := maps.Update(t.Context(), m, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	await()
}
