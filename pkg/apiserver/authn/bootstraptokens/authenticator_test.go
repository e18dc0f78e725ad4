package bootstraptokens

import (
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
)

func TestAuthenticate(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	const token = "abcdef.0123456789abcdef"
	for name, c := range map[string]struct {
		token  string
		change func(*corev1.Secret)
		groups []string // nil if refused
	}{
		"good":             {groups: []string{"system:bootstrappers"}},
		"groups":           {change: set("auth-extra-groups", "system:bootstrappers:a,system:bootstrappers:b"), groups: []string{"system:bootstrappers", "system:bootstrappers:a", "system:bootstrappers:b"}},
		"other groups":     {change: set("auth-extra-groups", "system:masters")},
		"not yet expired":  {change: set("expiration", "2026-01-01T00:00:01Z"), groups: []string{"system:bootstrappers"}},
		"expired":          {change: set("expiration", "2026-01-01T00:00:00Z")},
		"nonsense":         {change: set("expiration", "tomorrow")},
		"other usage":      {change: set("usage-bootstrap-authentication", "yes")},
		"other secret":     {token: "abcdef.0123456789abcdee"},
		"other ID":         {change: set("token-id", "abcdee")},
		"no secret":        {change: set("token-secret", "")},
		"unknown":          {token: "aaaaaa.0123456789abcdef"},
		"of another form":  {token: "abcdef.0123"},
		"of another type":  {change: func(s *corev1.Secret) { s.Type = corev1.SecretTypeOpaque }},
		"being deleted":    {change: func(s *corev1.Secret) { s.DeletionTimestamp = &metav1.Time{Time: now} }},
		"in another place": {change: func(s *corev1.Secret) { s.Namespace = "default" }},
	} {
		t.Run(name, func(t *testing.T) {
			s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "bootstrap-token-abcdef"}, Type: "bootstrap.kubernetes.io/token",
				Data: map[string][]byte{"token-id": []byte("abcdef"), "token-secret": []byte("0123456789abcdef"), "usage-bootstrap-authentication": []byte("true")}}
			if c.change != nil {
				c.change(s)
			}
			if c.token == "" {
				c.token = token
			}
			store := cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc})
			if err := store.Add(s); err != nil {
				t.Fatal(err)
			}
			a := &Authenticator{Secrets: corelisters.NewSecretLister(store).Secrets("kube-system"), Now: func() time.Time { return now }}
			got, ok, err := a.AuthenticateToken(t.Context(), c.token)
			if err != nil || ok != (c.groups != nil) {
				t.Fatalf("got %v, %v", ok, err)
			}
			if ok && (got.User.GetName() != "system:bootstrap:abcdef" || !slices.Equal(got.User.GetGroups(), c.groups)) {
				t.Errorf("got %v", got.User)
			}
		})
	}
}

func set(key, value string) func(*corev1.Secret) {
	return func(s *corev1.Secret) { s.Data[key] = []byte(value) }
}
