package integration

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/client-go/util/keyutil"

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

// TestLegacyTokens uses the token of a Secret: the use is noted on it, told to the client, counted, and refused once the
// Secret is marked.
func TestLegacyTokens(t *testing.T) {
	api := cluster.StartAPI(t)
	a := actionTest{t, api, api.Client}
	ctx, today := t.Context(), time.Now().UTC().Format(time.DateOnly)
	maps := api.Client.CoreV1().ConfigMaps("kube-system")
	const tracking = "kube-apiserver-legacy-service-account-token-tracking"
	since := func() error { // the part that keeps it has been seen to when the server is ready
		m, err := maps.Get(ctx, tracking, metav1.GetOptions{})
		if err == nil && m.Data["since"] != today && m.Data["since"] != time.Now().UTC().Format(time.DateOnly) {
			err = fmt.Errorf("since is %q", m.Data["since"])
		}
		return err
	}
	a.ok(since())
	a.ok(maps.Delete(ctx, tracking, metav1.DeleteOptions{}))
	a.eventually(none, since)
	for _, data := range []map[string]string{{"since": "nonsense"}, {"since": "9999-01-01"}, nil} {
		m, err := maps.Get(ctx, tracking, metav1.GetOptions{})
		a.ok(err)
		m.Data = data
		_, err = maps.Update(ctx, m, metav1.UpdateOptions{})
		a.ok(err)
		a.eventually(none, since)
	}

	account, err := api.Client.CoreV1().ServiceAccounts("default").Create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "robot"},
		Secrets: []corev1.ObjectReference{{Name: "s"}}}, metav1.CreateOptions{})
	a.ok(err)
	token := legacyToken(t, api, "default", "s", account)
	secrets := api.Client.CoreV1().Secrets("default")
	_, err = secrets.Create(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "s", Annotations: map[string]string{corev1.ServiceAccountNameKey: "robot"}},
		Type: corev1.SecretTypeServiceAccountToken, Data: map[string][]byte{corev1.ServiceAccountTokenKey: []byte(token)}}, metav1.CreateOptions{})
	a.ok(err)
	config := rest.CopyConfig(api.Config)
	config.Host, config.Transport, config.BearerToken = api.URL, nil, token
	config.TLSClientConfig = rest.TLSClientConfig{CAFile: api.Certificates.Cert(pki.CA)}
	var told warnings
	config.WarningHandler = &told
	client, err := kubernetes.NewForConfig(config)
	a.ok(err)
	who, err := client.AuthenticationV1().SelfSubjectReviews().Create(ctx, &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
	a.ok(err)
	if who.Status.UserInfo.Username != "system:serviceaccount:default:robot" {
		t.Errorf("got %v", who.Status.UserInfo)
	}
	if len(told) != 1 || !strings.HasPrefix(told[0], "Use tokens from the TokenRequest API") {
		t.Errorf("the client was told %q", told)
	}
	secret, err := secrets.Get(ctx, "s", metav1.GetOptions{})
	a.ok(err)
	if day := secret.Labels["kubernetes.io/legacy-token-last-used"]; day != today && day != time.Now().UTC().Format(time.DateOnly) {
		t.Errorf("last used: got %q", day)
	}
	metrics, err := api.Client.Discovery().RESTClient().Get().AbsPath("/metrics").DoRaw(ctx)
	a.ok(err)
	for _, name := range []string{"serviceaccount_legacy_tokens_total", "serviceaccount_legacy_auto_token_uses_total"} {
		if regexp.MustCompile(`(?m)^`+name+` [1-9]`).Find(metrics) == nil {
			t.Errorf("metric %s is 0 or missing", name)
		}
	}
	marked := legacyToken(t, api, "default", "marked", account)
	_, err = secrets.Create(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "marked", Annotations: map[string]string{corev1.ServiceAccountNameKey: "robot"},
		Labels: map[string]string{"kubernetes.io/legacy-token-invalid-since": today}},
		Type: corev1.SecretTypeServiceAccountToken, Data: map[string][]byte{corev1.ServiceAccountTokenKey: []byte(marked)}}, metav1.CreateOptions{})
	a.ok(err)
	_, err = a.whoami(marked)
	a.refused("a token that is marked", err, metav1.StatusReasonUnauthorized, "")
	if secret, err = secrets.Get(ctx, "marked", metav1.GetOptions{}); err != nil || secret.Labels["kubernetes.io/legacy-token-last-used"] == "" {
		t.Errorf("use of a token that is marked is not noted: %v, %v", secret.Labels, err)
	}
}

// warnings are those that a client was given. It is a rest.WarningHandler.
type warnings []string

func (w *warnings) HandleWarningHeader(_ int, _ string, text string) { *w = append(*w, text) }

// legacyToken is a token of a Secret, signed as the controller of such tokens does.
func legacyToken(t *testing.T, api *cluster.API, namespace, secret string, account *corev1.ServiceAccount) string {
	t.Helper()
	key, err := keyutil.PrivateKeyFromFile(api.Certificates.ServiceAccountKey())
	if err != nil {
		t.Fatal(err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, nil)
	if err != nil {
		t.Fatal(err)
	}
	token, err := jwt.Signed(signer).Claims(map[string]any{
		"iss": "kubernetes/serviceaccount", "sub": fmt.Sprintf("system:serviceaccount:%s:%s", namespace, account.Name),
		"kubernetes.io/serviceaccount/namespace": namespace, "kubernetes.io/serviceaccount/secret.name": secret,
		"kubernetes.io/serviceaccount/service-account.name": account.Name, "kubernetes.io/serviceaccount/service-account.uid": string(account.UID)}).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}
