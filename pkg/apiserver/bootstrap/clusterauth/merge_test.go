package clusterauth

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
)

// authority returns a certificate in PEM that ends at the given time.
func authority(t *testing.T, name string, end time.Time) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: end.Add(-time.Hour), NotAfter: end, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func TestMerge(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	ours, theirs, expired := authority(t, "ours", now.Add(time.Hour)), authority(t, "theirs", now.Add(time.Hour)), authority(t, "old", now.Add(-time.Minute))
	proxy := Info{ProxyCA: ours, UsernameHeaders: []string{"X-Remote-User"}, GroupHeaders: []string{"X-Remote-Group"}, ExtraHeaderPrefixes: []string{"X-Remote-Extra-"}, AllowedNames: []string{"proxy"}}
	published := map[string]string{
		"requestheader-client-ca-file": string(ours), "requestheader-username-headers": `["X-Remote-User"]`, "requestheader-group-headers": `["X-Remote-Group"]`,
		"requestheader-extra-headers-prefix": `["X-Remote-Extra-"]`, "requestheader-allowed-names": `["proxy"]`,
	}
	with := func(of map[string]string, key, value string) map[string]string {
		out := map[string]string{key: value}
		for k, v := range of {
			if k != key {
				out[k] = v
			}
		}
		return out
	}
	for _, c := range []struct {
		name      string
		old, want map[string]string
		own       Info
	}{
		{"nothing", nil, map[string]string{}, Info{}},
		{"client CA alone", nil, map[string]string{"client-ca-file": string(ours)}, Info{ClientCA: ours}},
		{"front proxy", nil, published, proxy},
		{"the same again", published, published, proxy},
		{"beside another's CA", map[string]string{"client-ca-file": string(theirs)}, map[string]string{"client-ca-file": string(theirs) + string(ours)}, Info{ClientCA: ours}},
		{"in place of an expired CA", map[string]string{"client-ca-file": string(expired)}, map[string]string{"client-ca-file": string(ours)}, Info{ClientCA: ours}},
		{"another's name", with(published, allowedNamesKey, `["gate"]`), with(published, allowedNamesKey, `["gate","proxy"]`), proxy},
		{"any name", with(published, allowedNamesKey, `[]`), with(published, allowedNamesKey, `[]`), proxy},
		{"a header in other letters", with(published, usernameKey, `["x-remote-user"]`), with(published, usernameKey, `["x-remote-user"]`), proxy},
		{"without front proxy", published, published, Info{}},
		{"what is not ours", map[string]string{"note": "x"}, map[string]string{"note": "x"}, Info{}},
	} {
		got, err := merge(c.old, c.own, now)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
	for key, value := range map[string]string{usernameKey: "nonsense", proxyCAKey: "nonsense", allowedNamesKey: "{}"} {
		if got, err := merge(map[string]string{key: value}, proxy, now); err == nil {
			t.Errorf("%s of nonsense became %v", key, got)
		}
	}
}

// TestKeeper changes what is published, and the ConfigMap.
func TestKeeper(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		client := fake.NewClientset()
		ca := authority(t, "first", now.Add(time.Hour))
		k := NewKeeper(client, func() Info { return Info{ClientCA: ca} }, time.Now)
		go k.Run(t.Context())
		maps := client.CoreV1().ConfigMaps(Namespace)
		holds := func(what string, want ...[]byte) {
			t.Helper()
			synctest.Wait()
			m, err := maps.Get(t.Context(), Name, metav1.GetOptions{})
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			if got := m.Data[clientCAKey]; got != string(bytes.Join(want, nil)) {
				t.Errorf("%s: got %s", what, got)
			}
		}
		holds("at the start", ca)
		first := ca
		ca = authority(t, "second", now.Add(time.Hour))
		k.Enqueue()
		holds("a new authority", first, ca)
		if err := maps.Delete(t.Context(), Name, metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		holds("deleted", ca)
		writes := len(client.Actions())
		k.Enqueue()
		synctest.Wait()
		for _, a := range client.Actions()[writes:] {
			if a.GetVerb() != "get" {
				t.Errorf("nothing has changed, and yet: %s", a.GetVerb())
			}
		}
	})
}
