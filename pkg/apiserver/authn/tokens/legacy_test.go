package tokens

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authentication/authenticator"
)

// inSecret are objects with one whole Secret.
type inSecret struct {
	objects
	secret *corev1.Secret
}

func (o inSecret) Secret(ctx context.Context, namespace, name string) (*corev1.Secret, error) {
	if namespace == o.secret.Namespace && name == o.secret.Name {
		return o.secret, nil
	}
	return o.objects.Secret(ctx, namespace, "gone")
}

func TestLegacyTokens(t *testing.T) {
	key := privateKeys(t)["RSA"]
	keys, err := NewKeys(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: key}, nil)
	if err != nil {
		t.Fatal(err)
	}
	sign := func(c claims) string {
		token, err := jwt.Signed(signer).Claims(c).Serialize()
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	good := claims{
		Claims: jwt.Claims{Issuer: LegacyIssuer, Subject: "system:serviceaccount:ns:robot"},
		legacy: legacy{Namespace: "ns", Secret: "s", Account: "robot", UID: "r1"},
	}
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		change func(c *claims, secret *corev1.Secret, o objects)
		wanted []string
		says   string
	}{
		"all is well":               {},
		"an audience that is ours":  {wanted: []string{issuer, "x"}},
		"an audience that is not":   {wanted: []string{"x"}, says: "is invalid for the target audiences"},
		"account gone":              {change: func(_ *claims, _ *corev1.Secret, o objects) { delete(o, "account ns/robot") }, says: "does not exist"},
		"account made anew":         {change: func(_ *claims, _ *corev1.Secret, o objects) { o["account ns/robot"].UID = "r2" }, says: "bound to another service account"},
		"subject of another":        {change: func(c *claims, _ *corev1.Secret, _ objects) { c.Subject = "system:serviceaccount:ns:root" }, says: "names no service account"},
		"names no secret":           {change: func(c *claims, _ *corev1.Secret, _ objects) { c.Secret = "" }, says: "names no service account"},
		"secret gone":               {change: func(c *claims, _ *corev1.Secret, _ objects) { c.Secret = "gone" }, says: "does not exist"},
		"secret going":              {change: func(_ *claims, s *corev1.Secret, _ objects) { s.DeletionTimestamp = &metav1.Time{Time: now} }, says: "which is being deleted"},
		"secret with another token": {change: func(_ *claims, s *corev1.Secret, _ objects) { s.Annotations = map[string]string{"other": ""} }, says: "is not the one"},
		"secret marked": {change: func(_ *claims, s *corev1.Secret, _ objects) {
			s.Labels = map[string]string{invalidSince: "2026-01-01"}
		}, says: "has been marked invalid"},
	} {
		t.Run(name, func(t *testing.T) {
			said, secret, o := good, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "s", UID: "s1"}}, existing()
			if c.change != nil {
				c.change(&said, secret, o)
			}
			token := sign(said)
			if _, other := secret.Annotations["other"]; !other {
				secret.Data = map[string][]byte{corev1.ServiceAccountTokenKey: []byte(token)}
			}
			v := &Verifier{Issuers: []string{issuer}, Keys: keys, Audiences: authenticator.Audiences{issuer}, Objects: inSecret{o, secret}, Now: func() time.Time { return now }}
			ctx := t.Context()
			if c.wanted != nil {
				ctx = authenticator.WithAudiences(ctx, c.wanted)
			}
			got, ok, err := v.AuthenticateToken(ctx, token)
			if c.says != "" {
				if ok || err == nil || !strings.Contains(err.Error(), c.says) {
					t.Errorf("got %v, %v; want ...%s", ok, err, c.says)
				}
				return
			}
			if !ok || err != nil || got.User.GetName() != "system:serviceaccount:ns:robot" || got.User.GetUID() != "r1" || len(got.Audiences) != 1 {
				t.Errorf("got %v, %v, %v", got, ok, err)
			}
		})
	}
	other, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: privateKeys(t)["RSA"]}, nil)
	if err != nil {
		t.Fatal(err)
	}
	signer = other
	v := &Verifier{Issuers: []string{issuer}, Keys: keys, Objects: existing(), Now: time.Now}
	if _, ok, err := v.AuthenticateToken(t.Context(), sign(good)); ok || err == nil {
		t.Errorf("token that another has signed: got %v, %v", ok, err)
	}
}
