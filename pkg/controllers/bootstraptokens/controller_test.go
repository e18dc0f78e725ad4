package bootstraptokens

import (
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/proa-sh/proa/pkg/controllers/control/controltest"
)

// Signatures follow the tokens and the kubeconfig.
func TestSigner(t *testing.T) {
	s := controltest.NewServer(t, newInfo(map[string]string{"kubeconfig": "x"}), newToken("aaaaaa"))
	controltest.Run(t, s, NewSigner)
	signed := func(id, content string) func() bool {
		return func() bool {
			data := controltest.List[v1.ConfigMap](t, s, "", "configmaps", "kube-public")[0].Data
			signature, found := data["jws-kubeconfig-"+id]
			return found == (content != "") && (!found || signature == sign(content, id, []byte("0123456789abcdef")))
		}
	}
	s.Wait(t, "the token has signed", signed("aaaaaa", "x"))
	s.Put(newToken("bbbbbb"))
	s.Wait(t, "the second has signed", signed("bbbbbb", "x"))
	controltest.Change(t, s, newInfo(nil), func(config *v1.ConfigMap) { config.Data["kubeconfig"] = "y" })
	s.Wait(t, "the new kubeconfig is signed", signed("aaaaaa", "y"))
	if err := s.Client().CoreV1().Secrets("kube-system").Delete(t.Context(), "bootstrap-token-aaaaaa", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	s.Wait(t, "the signature has gone with its token", signed("aaaaaa", ""))
	s.Wait(t, "the other is there", signed("bbbbbb", "y"))
}

// Tokens go when they have expired, others stay.
func TestCleaner(t *testing.T) {
	at := func(after time.Duration) string {
		return "expiration=" + time.Now().Add(after).UTC().Format(time.RFC3339)
	}
	s := controltest.NewServer(t, newToken("oldold", at(-time.Hour)), newToken("wrong1", "expiration=soon"), newToken("future", at(time.Hour)), newToken("always"))
	controltest.Run(t, s, NewCleaner)
	names := func() int { return len(controltest.List[v1.Secret](t, s, "", "secrets", "kube-system")) }
	s.Wait(t, "two have gone", func() bool { return names() == 2 })
	controltest.Change(t, s, newToken("future"), func(secret *v1.Secret) { secret.Data["expiration"] = []byte("2001-01-01T00:00:00Z") })
	s.Wait(t, "so has one whose end was changed", func() bool { return names() == 1 })
}
