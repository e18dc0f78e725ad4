package tokens

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apiserver/pkg/authentication/authenticator"
)

// objects are those that exist, by kind, namespace and name.
type objects map[string]*metav1.ObjectMeta

func (o objects) get(kind, namespace, name string) (metav1.ObjectMeta, error) {
	m, ok := o[kind+" "+namespace+"/"+name]
	if !ok {
		return metav1.ObjectMeta{}, apierrors.NewNotFound(corev1.Resource(kind), name)
	}
	return *m, nil
}

func (o objects) ServiceAccount(_ context.Context, namespace, name string) (*corev1.ServiceAccount, error) {
	m, err := o.get("account", namespace, name)
	return &corev1.ServiceAccount{ObjectMeta: m}, err
}
func (o objects) Pod(_ context.Context, namespace, name string) (*corev1.Pod, error) {
	m, err := o.get("pod", namespace, name)
	return &corev1.Pod{ObjectMeta: m}, err
}
func (o objects) Secret(_ context.Context, namespace, name string) (*corev1.Secret, error) {
	m, err := o.get("secret", namespace, name)
	return &corev1.Secret{ObjectMeta: m}, err
}
func (o objects) Node(_ context.Context, name string) (*corev1.Node, error) {
	m, err := o.get("node", "", name)
	return &corev1.Node{ObjectMeta: m}, err
}

// verifier returns one that tells nobody of uses.
func verifier(keys Keys, o Objects, now time.Time) *Verifier {
	return &Verifier{Issuers: []string{issuer}, Keys: keys, Audiences: authenticator.Audiences{issuer}, Objects: o, Now: func() time.Time { return now },
		Count: func(Use) {}, Used: func(context.Context, *corev1.Secret, string) {}}
}

func existing() objects {
	uid := func(u string) *metav1.ObjectMeta { return &metav1.ObjectMeta{UID: types.UID(u)} }
	return objects{"account ns/robot": uid("r1"), "pod ns/p": uid("p1"), "secret ns/s": uid("s1"), "node /n": uid("n1")}
}

const issuer = "https://kubernetes.default.svc"

func privateKeys(t *testing.T) map[string]crypto.Signer {
	t.Helper()
	out := map[string]crypto.Signer{}
	var err error
	if out["RSA"], err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		t.Fatal(err)
	}
	for name, curve := range map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()} {
		if out[name], err = ecdsa.GenerateKey(curve, rand.Reader); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func TestTokens(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	all := privateKeys(t)
	var public []crypto.PublicKey
	for _, k := range all {
		public = append(public, k.Public())
	}
	keys, err := NewKeys(public...)
	if err != nil {
		t.Fatal(err)
	}
	request := Request{Namespace: "ns", ServiceAccount: "robot", ServiceAccountUID: "r1", Audiences: []string{issuer}, Lifetime: time.Hour,
		Pod: &Object{"p", "p1"}, Node: &Object{"n", "n1"}}
	for name, key := range all {
		i, err := NewIssuer(issuer, key)
		if err != nil {
			t.Fatal(err)
		}
		token, id, err := i.Issue(request, now)
		if err != nil {
			t.Fatal(err)
		}
		v := verifier(keys, existing(), now)
		got, ok, err := v.AuthenticateToken(t.Context(), token)
		if err != nil || !ok {
			t.Errorf("%s: got %v, %v", name, ok, err)
			continue
		}
		extra := got.User.GetExtra()
		if got.User.GetName() != "system:serviceaccount:ns:robot" || got.User.GetUID() != "r1" || !slices.Contains(got.User.GetGroups(), "system:serviceaccounts:ns") ||
			extra["authentication.kubernetes.io/pod-name"][0] != "p" || extra["authentication.kubernetes.io/node-uid"][0] != "n1" ||
			extra["authentication.kubernetes.io/credential-id"][0] != "JTI="+id || !slices.Equal(got.Audiences, []string{issuer}) {
			t.Errorf("%s: got %v for %v", name, got.User, got.Audiences)
		}
	}
}

func TestRefused(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	all := privateKeys(t)
	keys, err := NewKeys(all["P-256"].Public())
	if err != nil {
		t.Fatal(err)
	}
	pod := Request{Namespace: "ns", ServiceAccount: "robot", ServiceAccountUID: "r1", Audiences: []string{issuer}, Lifetime: time.Hour, Pod: &Object{"p", "p1"}}
	gone := func(seconds time.Duration) *metav1.ObjectMeta {
		at := metav1.NewTime(now.Add(-seconds * time.Second))
		return &metav1.ObjectMeta{UID: "p1", DeletionTimestamp: &at}
	}
	with := func(change func(*Request)) Request {
		r := pod
		change(&r)
		return r
	}
	for name, c := range map[string]struct {
		request Request
		key     string // that signs; P-256 if empty
		issuer  string // ours if empty
		after   time.Duration
		change  func(objects)
		wanted  []string // audiences of the request
		says    string   // "" is accepted; "?" is another's token
	}{
		"all is well":                 {},
		"just before its end":         {after: time.Hour - time.Second},
		"expired":                     {after: time.Hour + 2*time.Minute, says: "has expired"},
		"not yet valid":               {after: -time.Hour, says: "check times"},
		"another key":                 {key: "P-384", says: "verify service account token"},
		"another kind of key":         {key: "RSA", says: "verify service account token"},
		"another issuer":              {issuer: "https://elsewhere", says: "?"},
		"another audience":            {request: with(func(r *Request) { r.Audiences = []string{"shop"} }), says: "is invalid for the target audiences"},
		"an audience that is asked":   {request: with(func(r *Request) { r.Audiences = []string{"shop"} }), wanted: []string{"shop"}},
		"account gone":                {change: func(o objects) { delete(o, "account ns/robot") }, says: `service account "robot", which does not exist`},
		"account made anew":           {change: func(o objects) { o["account ns/robot"].UID = "r2" }, says: "bound to another service account"},
		"pod gone":                    {change: func(o objects) { delete(o, "pod ns/p") }, says: `pod "p", which does not exist`},
		"pod made anew":               {change: func(o objects) { o["pod ns/p"].UID = "p2" }, says: "bound to another pod"},
		"pod going":                   {change: func(o objects) { o["pod ns/p"] = gone(30) }},
		"pod that should have gone":   {change: func(o objects) { o["pod ns/p"] = gone(61) }, says: "which was deleted"},
		"secret gone":                 {request: with(func(r *Request) { r.Pod, r.Secret = nil, &Object{"t", "t1"} }), says: `secret "t", which does not exist`},
		"node gone":                   {request: with(func(r *Request) { r.Pod, r.Node = nil, &Object{"m", "m1"} }), says: `node "m", which does not exist`},
		"node of a pod that has gone": {request: with(func(r *Request) { r.Node = &Object{"m", "m1"} })},
		"no account":                  {request: with(func(r *Request) { r.ServiceAccount = "" }), says: "names no service account"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.request.Namespace == "" {
				c.request = pod
			}
			if c.key == "" {
				c.key = "P-256"
			}
			if c.issuer == "" {
				c.issuer = issuer
			}
			i, err := NewIssuer(c.issuer, all[c.key])
			if err != nil {
				t.Fatal(err)
			}
			token, _, err := i.Issue(c.request, now)
			if err != nil {
				t.Fatal(err)
			}
			o := existing()
			if c.change != nil {
				c.change(o)
			}
			v := verifier(keys, o, now.Add(c.after))
			ctx := t.Context()
			if c.wanted != nil {
				ctx = authenticator.WithAudiences(ctx, c.wanted)
			}
			_, ok, err := v.AuthenticateToken(ctx, token)
			switch c.says {
			case "":
				if !ok || err != nil {
					t.Errorf("got %v, %v", ok, err)
				}
			case "?":
				if ok || err != nil {
					t.Errorf("got %v, %v; want no opinion", ok, err)
				}
			default:
				if ok || err == nil || !strings.Contains(err.Error(), c.says) {
					t.Errorf("got %v, %v; want ...%s", ok, err, c.says)
				}
			}
		})
	}
	for _, token := range []string{"", "x", "a.b.c", "eyJhbGciOiJub25lIn0.eyJpc3MiOiJodHRwczovL2t1YmVybmV0ZXMuZGVmYXVsdC5zdmMifQ."} {
		v := verifier(keys, existing(), now)
		if _, ok, err := v.AuthenticateToken(t.Context(), token); ok || err != nil {
			t.Errorf("token %q: got %v, %v; want no opinion", token, ok, err)
		}
	}
}

// TestAge uses a token before and after the time from which its holder should have a newer one.
func TestAge(t *testing.T) {
	issued := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	key := privateKeys(t)["P-256"]
	keys, err := NewKeys(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	i, err := NewIssuer(issuer, key)
	if err != nil {
		t.Fatal(err)
	}
	token, _, err := i.Issue(Request{Namespace: "ns", ServiceAccount: "robot", ServiceAccountUID: "r1", Audiences: []string{issuer}, Lifetime: 24 * time.Hour, WarnAfter: time.Hour}, issued)
	if err != nil {
		t.Fatal(err)
	}
	for age, want := range map[time.Duration]seen{
		time.Hour:               {Counts: []Use{ValidUses}},
		time.Hour + time.Minute: {Counts: []Use{StaleUses}, Audit: map[string]string{"authentication.k8s.io/stale-token": "subject: system:serviceaccount:ns:robot, seconds after warning threshold: 60"}},
	} {
		v := verifier(keys, existing(), issued.Add(age))
		got := watch(t, v, func(ctx context.Context) {
			if _, ok, err := v.AuthenticateToken(ctx, token); !ok || err != nil {
				t.Errorf("after %s: got %v, %v", age, ok, err)
			}
		})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("after %s (-want +got):\n%s", age, diff)
		}
	}
}

func TestDiscovery(t *testing.T) {
	all := privateKeys(t)
	keys, err := NewKeys(all["RSA"].Public(), all["P-256"].Public())
	if err != nil {
		t.Fatal(err)
	}
	configuration, jwks, err := keys.Discovery(issuer, issuer+"/openid/v1/jwks")
	if err != nil {
		t.Fatal(err)
	}
	var c struct {
		Issuer     string
		JWKSURI    string   `json:"jwks_uri"`
		Algorithms []string `json:"id_token_signing_alg_values_supported"`
	}
	if err := json.Unmarshal(configuration, &c); err != nil || c.Issuer != issuer || c.JWKSURI != issuer+"/openid/v1/jwks" || !slices.Equal(c.Algorithms, []string{"RS256", "ES256"}) {
		t.Errorf("got %s, %v", configuration, err)
	}
	var set struct{ Keys []map[string]string }
	if err := json.Unmarshal(jwks, &set); err != nil || len(set.Keys) != 2 || set.Keys[0]["kty"] != "RSA" || set.Keys[0]["use"] != "sig" || set.Keys[1]["crv"] != "P-256" || set.Keys[1]["d"] != "" {
		t.Errorf("got %s, %v", jwks, err)
	}
}

// BenchmarkAuthenticate measures a token that nothing has remembered, and one that another issuer has made.
func BenchmarkAuthenticate(b *testing.B) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	keys, err := NewKeys(key.Public())
	if err != nil {
		b.Fatal(err)
	}
	v := verifier(keys, existing(), now)
	for _, name := range []string{issuer, "https://other.example"} {
		i, err := NewIssuer(name, key)
		if err != nil {
			b.Fatal(err)
		}
		token, _, err := i.Issue(Request{Namespace: "ns", ServiceAccount: "robot", ServiceAccountUID: "r1", Audiences: []string{issuer}, Lifetime: time.Hour,
			Pod: &Object{"p", "p1"}, Node: &Object{"n", "n1"}}, now)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(strings.TrimPrefix(name, "https://"), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, ok, err := v.AuthenticateToken(b.Context(), token); err != nil || ok != (name == issuer) {
					b.Fatal(ok, err)
				}
			}
		})
	}
}
