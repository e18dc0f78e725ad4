package bootstraptokens

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// newToken makes a token for signing; each change is a "key=value" of its data.
func newToken(id string, changes ...string) *v1.Secret {
	secret := &v1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "bootstrap-token-" + id}, Type: "bootstrap.kubernetes.io/token",
		Data: map[string][]byte{"token-id": []byte(id), "token-secret": []byte("0123456789abcdef"), "usage-bootstrap-signing": []byte("true")},
	}
	for _, change := range changes {
		key, value, _ := strings.Cut(change, "=")
		secret.Data[key] = []byte(value)
	}
	return secret
}

func newInfo(data map[string]string) *v1.ConfigMap {
	return &v1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-public", Name: "cluster-info"}, Data: data}
}

func expires(after time.Duration) string {
	return "expiration=" + start.Add(after).Format(time.RFC3339)
}

func TestPlan(t *testing.T) {
	ending, elsewhere := newToken("ending"), newToken("elsewh")
	ending.DeletionTimestamp = &metav1.Time{Time: start}
	elsewhere.Namespace = "default"
	plain := newToken("plainx")
	plain.Type = v1.SecretTypeOpaque
	tests := []struct {
		name    string
		secrets []*v1.Secret
		signers string
		after   time.Duration
	}{
		{"none", nil, "", 0},
		{"for ever", []*v1.Secret{newToken("aaaaaa")}, "aaaaaa", 0},
		{"the first that expires", []*v1.Secret{newToken("aaaaaa", expires(time.Hour)), newToken("bbbbbb", expires(time.Minute)), newToken("cccccc")}, "aaaaaa bbbbbb cccccc", time.Minute},
		{"expired", []*v1.Secret{newToken("aaaaaa", expires(0)), newToken("bbbbbb", "expiration=soon")}, "", 0},
		{"not for signing", []*v1.Secret{newToken("aaaaaa", "usage-bootstrap-signing=no")}, "", 0},
		{"of another ID", []*v1.Secret{newToken("aaaaaa", "token-id=bbbbbb")}, "", 0},
		{"without secret", []*v1.Secret{newToken("aaaaaa", "token-secret=")}, "", 0},
		{"ending, elsewhere, another type", []*v1.Secret{ending, elsewhere, plain}, "", 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			config := newInfo(map[string]string{"kubeconfig": "x", "more": "y", "jws-kubeconfig-oldold": "z"})
			out := plan(observed{config, test.secrets, start})
			if out.update == nil || out.after != test.after {
				t.Fatalf("outcome %+v", out)
			}
			var signers []string
			for _, key := range slices.Sorted(maps.Keys(out.update.Data)) {
				if id, signature := strings.CutPrefix(key, "jws-kubeconfig-"); signature {
					signers = append(signers, id)
					if out.update.Data[key] != sign("x", id, []byte("0123456789abcdef")) {
						t.Errorf("the signature of %s is wrong", id)
					}
				}
			}
			if got := strings.Join(signers, " "); got != test.signers || out.update.Data["kubeconfig"] != "x" || out.update.Data["more"] != "y" {
				t.Errorf("signed by %q, want %q; data %v", got, test.signers, out.update.Data)
			}
			if again := plan(observed{out.update, test.secrets, start}); again.update != nil {
				t.Errorf("written again: %v", again.update.Data)
			}
		})
	}
	if out := plan(observed{newInfo(map[string]string{"more": "y"}), []*v1.Secret{newToken("aaaaaa")}, start}); out.update != nil {
		t.Errorf("signed without a kubeconfig: %v", out.update.Data)
	}
}

// TestSign is by the known answer that the published library for those who verify has in its test.
func TestSign(t *testing.T) {
	got := sign("Hello from the other side. I must have called a thousand times.", "joshua", []byte("my voice is my passcode"))
	if want := "eyJhbGciOiJIUzI1NiIsImtpZCI6Impvc2h1YSJ9..VShe2taLd-YTrmWuRkcL_8QTNDHYxQIEBsAYYiIj1_8"; got != want {
		t.Errorf("signature %s, want %s", got, want)
	}
}
