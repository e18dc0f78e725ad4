package server

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/server/dynamiccertificates"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	certutil "k8s.io/client-go/util/cert"
)

func TestNewAuth(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := certutil.NewSelfSignedCACert(certutil.Config{
		CommonName: "kube-apiserver", Organization: []string{"masters"}, Usages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, key)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := certutil.EncodeCertificates(certificate)
	if err != nil {
		t.Fatal(err)
	}
	authority, err := dynamiccertificates.NewStaticCAContent("test", encoded)
	if err != nil {
		t.Fatal(err)
	}
	var asked []authorizationv1.SubjectAccessReviewSpec
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch r.URL.Path {
		case "/apis/authentication.k8s.io/v1/tokenreviews":
			var review authenticationv1.TokenReview
			answer(t, w, r, &review, func() {
				review.Status.Authenticated = review.Spec.Token == "good"
				review.Status.User.Username = "robot"
			})
		case "/apis/authorization.k8s.io/v1/subjectaccessreviews":
			var review authorizationv1.SubjectAccessReview
			answer(t, w, r, &review, func() {
				asked = append(asked, review.Spec)
				review.Status.Allowed = review.Spec.User == "robot"
			})
		default:
			http.NotFound(w, r)
		}
	}))
	defer api.Close()
	client, err := kubernetes.NewForConfig(&rest.Config{Host: api.URL, ContentConfig: rest.ContentConfig{ContentType: "application/json"}})
	if err != nil {
		t.Fatal(err)
	}
	authn, authz, err := NewAuth(AuthConfig{Client: client, ClientCA: authority, Webhook: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, token string
		certificate *x509.Certificate
		want        string
	}{
		{"certificate", "", certificate, "kube-apiserver"},
		{"good token", "good", nil, "robot"},
		{"bad token", "bad", nil, ""},
		{"nothing", "", nil, ""},
	} {
		request := httptest.NewRequest("GET", "https://kubelet/pods", nil)
		if tc.token != "" {
			request.Header.Set("Authorization", "Bearer "+tc.token)
		}
		if tc.certificate != nil {
			request.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{tc.certificate}}
		}
		response, ok, err := authn.AuthenticateRequest(request)
		got := ""
		if ok {
			got = response.User.GetName()
		}
		if got != tc.want {
			t.Errorf("%s: %q %v, want %q", tc.name, got, err, tc.want)
		}
	}
	for name, want := range map[string]authorizer.Decision{"robot": authorizer.DecisionAllow, "other": authorizer.DecisionNoOpinion} {
		got, _, err := authz.Authorize(t.Context(), authorizer.AttributesRecord{
			User: &user.DefaultInfo{Name: name}, Verb: "get", Resource: "nodes", Subresource: "stats", Name: "n1", ResourceRequest: true,
		})
		if err != nil || got != want {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	if len(asked) != 2 || asked[0].ResourceAttributes.Subresource != "stats" || asked[0].ResourceAttributes.Name != "n1" {
		t.Errorf("asked %+v", asked)
	}
	if _, _, err := NewAuth(AuthConfig{Webhook: true}); err == nil {
		t.Error("a webhook without client was accepted")
	}
	if _, _, err := NewAuth(AuthConfig{AlwaysAllow: true}); err == nil {
		t.Error("a kubelet without any authentication was accepted")
	}
}

// answer reads an object, lets decide fill its status, and sends it back.
func answer(t *testing.T, w http.ResponseWriter, r *http.Request, object any, decide func()) {
	if err := json.NewDecoder(r.Body).Decode(object); err != nil {
		t.Error(err)
	}
	decide()
	if err := json.NewEncoder(w).Encode(object); err != nil {
		t.Error(err)
	}
}
