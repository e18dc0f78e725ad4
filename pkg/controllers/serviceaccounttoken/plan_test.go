package serviceaccounttoken

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

func newAccount(uid types.UID) *v1.ServiceAccount {
	return &v1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "robot", UID: uid}}
}

// newSecret makes a Secret of account robot; data is name, value, name, value ...
func newSecret(uid string, data ...string) *v1.Secret {
	secret := &v1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "t", Annotations: map[string]string{v1.ServiceAccountNameKey: "robot"}},
		Type:       v1.SecretTypeServiceAccountToken,
	}
	if uid != "" {
		secret.Annotations[v1.ServiceAccountUIDKey] = uid
	}
	for i := 0; i < len(data); i += 2 {
		if secret.Data == nil {
			secret.Data = map[string][]byte{}
		}
		secret.Data[data[i]] = []byte(data[i+1])
	}
	return secret
}

func TestPlan(t *testing.T) {
	whole := func(uid, ca string) *v1.Secret {
		return newSecret(uid, "token", "x", "namespace", "default", "ca.crt", ca)
	}
	ending := newSecret("")
	ending.DeletionTimestamp = &metav1.Time{}
	tests := []struct {
		name    string
		account *v1.ServiceAccount
		secret  *v1.Secret
		want    outcome
	}{
		{"empty", newAccount("a"), newSecret(""), outcome{fill: []*v1.Secret{newSecret("a", "namespace", "default", "ca.crt", "ca")}}},
		{"whole", newAccount("a"), whole("a", "ca"), outcome{}},
		{"old bundle", newAccount("a"), whole("a", "old"), outcome{fill: []*v1.Secret{whole("a", "ca")}}},
		{"token taken away", newAccount("a"), newSecret("a", "namespace", "other"), outcome{fill: []*v1.Secret{newSecret("a", "namespace", "other", "ca.crt", "ca")}}},
		{"UID taken away", newAccount("a"), whole("", "ca"), outcome{fill: []*v1.Secret{whole("a", "ca")}}},
		{"no account", nil, newSecret(""), outcome{remove: []*v1.Secret{newSecret("")}}},
		{"another account of that name", newAccount("b"), whole("a", "ca"), outcome{remove: []*v1.Secret{whole("a", "ca")}}},
		{"ending", nil, ending, outcome{}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := plan(observed{test.account, []*v1.Secret{test.secret}, []byte("ca")})
			if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(outcome{})); diff != "" {
				t.Errorf("outcome (-want +got):\n%s", diff)
			}
		})
	}
}
