package serviceaccounttoken

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/keyutil"

	"github.com/proa-sh/proa/pkg/controllers/control"
	"github.com/proa-sh/proa/pkg/controllers/control/controltest"
)

func newKey(t *testing.T) (*ecdsa.PrivateKey, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	pem, err := keyutil.MarshalPrivateKeyToPEM(key)
	if err != nil {
		t.Fatal(err)
	}
	return key, pem
}

// The life of a Secret: filled, filled again, deleted with its account. One that came before its account is deleted; one
// whose account the cache does not show yet is filled.
func TestController(t *testing.T) {
	key, pem := newKey(t)
	s := controltest.NewServer(t, newAccount("a"), newSecret(""), &v1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "other"}})
	controltest.Run(t, s, func(d control.Dependencies) (control.Controller, error) { return New(d, pem, []byte("ca")) })
	secrets := func() map[string]map[string]string {
		all := map[string]map[string]string{}
		for _, secret := range controltest.List[v1.Secret](t, s, "", "secrets", "default") {
			all[secret.Name] = map[string]string{}
			for name, value := range secret.Data {
				all[secret.Name][name] = string(value)
			}
		}
		return all
	}
	s.Wait(t, "the token is there", func() bool { return secrets()["t"]["token"] != "" })
	got := secrets()["t"]
	if got["ca.crt"] != "ca" || got["namespace"] != "default" || len(secrets()["other"]) != 0 {
		t.Errorf("data %v", secrets())
	}
	parsed, err := jwt.ParseSigned(got["token"], []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	var said map[string]any
	if err := parsed.Claims(key.Public(), &said); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"iss": issuer, "sub": "system:serviceaccount:default:robot", "kubernetes.io/serviceaccount/namespace": "default",
		"kubernetes.io/serviceaccount/secret.name": "t", "kubernetes.io/serviceaccount/service-account.name": "robot",
		"kubernetes.io/serviceaccount/service-account.uid": "a",
	}
	if diff := cmp.Diff(want, said); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
	controltest.Change(t, s, newSecret(""), func(secret *v1.Secret) { delete(secret.Data, "token") })
	s.Wait(t, "the token is back", func() bool { return secrets()["t"]["token"] != "" })
	if err := s.Client().CoreV1().ServiceAccounts("default").Delete(t.Context(), "robot", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	s.Wait(t, "the Secret has gone with its account", func() bool { return secrets()["t"] == nil && secrets()["other"] != nil })
	s.Put(newSecret(""))
	s.Wait(t, "a Secret without account is deleted", func() bool { return secrets()["t"] == nil })
	s.Hold("", "serviceaccounts")
	s.Put(newAccount("b"))
	s.Put(newSecret(""))
	s.Wait(t, "the Secret of an account that is not shown yet is filled", func() bool { return secrets()["t"]["token"] != "" })
	s.Release("", "serviceaccounts")
}

func TestBadKey(t *testing.T) {
	if _, err := New(control.Dependencies{}, []byte("no key"), nil); err == nil {
		t.Error("a key that is none was taken")
	}
}
