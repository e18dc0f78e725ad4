package tokens

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	auditinternal "k8s.io/apiserver/pkg/apis/audit"
	"k8s.io/apiserver/pkg/audit"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/warning"
)

// inSecret are objects with one whole Secret, and the Secrets that accounts name.
type inSecret struct {
	objects
	secret *corev1.Secret
	names  []corev1.ObjectReference
}

func (o inSecret) ServiceAccount(ctx context.Context, namespace, name string) (*corev1.ServiceAccount, error) {
	a, err := o.objects.ServiceAccount(ctx, namespace, name)
	a.Secrets = o.names
	return a, err
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
			s.Labels = map[string]string{InvalidSince: "2026-01-01"}
		}, says: "the token in secret ns/s for service account ns/robot has been marked invalid. Use tokens from the TokenRequest API or manually created " +
			"secret-based tokens, or remove the 'kubernetes.io/legacy-token-invalid-since' label from the secret to temporarily allow use of this token"},
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
			v := verifier(keys, inSecret{objects: o, secret: secret}, now)
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
	v := verifier(keys, existing(), now)
	if _, ok, err := v.AuthenticateToken(t.Context(), sign(good)); ok || err == nil {
		t.Errorf("token that another has signed: got %v, %v", ok, err)
	}
}

// seen is what a verifier tells others of uses.
type seen struct {
	Counts   []Use
	Days     []string // written on secrets
	Audit    map[string]string
	Warnings []string
}

// AddWarning collects a warning for the client. It is a warning.Recorder.
func (s *seen) AddWarning(_, text string) { s.Warnings = append(s.Warnings, text) }

// watch returns what the verifier tells while it is used.
func watch(t *testing.T, v *Verifier, use func(context.Context)) seen {
	t.Helper()
	var s seen
	v.Count = func(u Use) { s.Counts = append(s.Counts, u) }
	v.Used = func(_ context.Context, secret *corev1.Secret, today string) {
		s.Days = append(s.Days, secret.Name+" "+today)
	}
	ctx := audit.WithAuditContext(warning.WithWarningRecorder(t.Context(), &s))
	if err := audit.AuditContextFrom(ctx).Init(audit.RequestAuditConfig{Level: auditinternal.LevelMetadata}, nil); err != nil {
		t.Fatal(err)
	}
	use(ctx)
	for _, key := range []string{"legacy-token", "legacy-token-invalidated", "legacy-token-autogenerated-secret", "legacy-token-manual-secret", "stale-token"} {
		if value, ok := audit.AuditContextFrom(ctx).GetEventAnnotation("authentication.k8s.io/" + key); ok {
			if s.Audit == nil {
				s.Audit = map[string]string{}
			}
			s.Audit["authentication.k8s.io/"+key] = value
		}
	}
	return s
}

// TestLegacyUse uses tokens of Secrets and reads what is told of it.
func TestLegacyUse(t *testing.T) {
	key := privateKeys(t)["RSA"]
	keys, err := NewKeys(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: key}, nil)
	if err != nil {
		t.Fatal(err)
	}
	token, err := jwt.Signed(signer).Claims(claims{Claims: jwt.Claims{Issuer: LegacyIssuer, Subject: "system:serviceaccount:ns:robot"},
		legacy: legacy{Namespace: "ns", Secret: "s", Account: "robot", UID: "r1"}}).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	const subject = "system:serviceaccount:ns:robot"
	for name, c := range map[string]struct {
		labels map[string]string
		named  bool // by its account, as those are that were made without being asked for
		want   seen
	}{
		"the first use of one that somebody made": {want: seen{Counts: []Use{LegacyUses, ManualUses}, Days: []string{"s 2026-01-02"},
			Audit: map[string]string{"authentication.k8s.io/legacy-token": subject, "authentication.k8s.io/legacy-token-manual-secret": "s"}}},
		"the second use in a day": {labels: map[string]string{LastUsed: "2026-01-02"}, want: seen{Counts: []Use{LegacyUses, ManualUses},
			Audit: map[string]string{"authentication.k8s.io/legacy-token": subject, "authentication.k8s.io/legacy-token-manual-secret": "s"}}},
		"the first use of a day": {labels: map[string]string{LastUsed: "2026-01-01"}, named: true, want: seen{Counts: []Use{LegacyUses, AutoUses}, Days: []string{"s 2026-01-02"},
			Audit:    map[string]string{"authentication.k8s.io/legacy-token": subject, "authentication.k8s.io/legacy-token-autogenerated-secret": "s"},
			Warnings: []string{"Use tokens from the TokenRequest API or manually created secret-based tokens instead of auto-generated secret-based tokens."}}},
		"one that was marked as invalid": {labels: map[string]string{InvalidSince: "2025-12-01"}, named: true, want: seen{Counts: []Use{InvalidAutoUses}, Days: []string{"s 2026-01-02"},
			Audit: map[string]string{"authentication.k8s.io/legacy-token-invalidated": "s/ns"}}},
	} {
		t.Run(name, func(t *testing.T) {
			secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "s", UID: "s1", Labels: c.labels}, Data: map[string][]byte{corev1.ServiceAccountTokenKey: []byte(token)}}
			o := inSecret{objects: existing(), secret: secret}
			if c.named {
				o.names = []corev1.ObjectReference{{Name: "s"}}
			}
			// Whoever runs the server may live east of Greenwich; days are those of UTC.
			v := verifier(keys, o, time.Date(2026, 1, 3, 1, 0, 0, 0, time.FixedZone("east", 2*60*60)))
			got := watch(t, v, func(ctx context.Context) {
				if _, ok, err := v.AuthenticateToken(ctx, token); ok != (c.labels[InvalidSince] == "") {
					t.Errorf("got %v, %v", ok, err)
				}
			})
			if diff := cmp.Diff(c.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("told (-want +got):\n%s", diff)
			}
		})
	}
}
