package bootstraptokens

import (
	"maps"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/cluster-bootstrap/token/api"
)

// observed is what a plan is made from. Nothing in it is modified.
type observed struct {
	// config is cluster-info.
	config *v1.ConfigMap
	// secrets are those of namespace kube-system.
	secrets []*v1.Secret
	now     time.Time
}

// outcome is what a plan asks for; the empty one is nothing.
type outcome struct {
	// update is cluster-info with the signatures that it should have.
	update *v1.ConfigMap
	// after is when a token that signs will have expired; 0 means never.
	after time.Duration
}

// plan makes each token that may sign do so, and takes the signatures of all others away.
func plan(o observed) outcome {
	var out outcome
	content, found := o.config.Data[api.KubeConfigKey]
	data := maps.Clone(o.config.Data)
	maps.DeleteFunc(data, func(key, _ string) bool { return strings.HasPrefix(key, api.JWSSignatureKeyPrefix) })
	for _, secret := range o.secrets {
		id, signs := signer(secret)
		left, limited := expiry(secret, o.now)
		if !found || !signs || limited && left <= 0 {
			continue
		}
		data[api.JWSSignatureKeyPrefix+id] = sign(content, id, secret.Data[api.BootstrapTokenSecretKey])
		if limited && (out.after == 0 || left < out.after) {
			out.after = left
		}
	}
	if !maps.Equal(data, o.config.Data) {
		out.update = o.config.DeepCopy()
		out.update.Data = data
	}
	return out
}

// isToken says whether a Secret is a bootstrap token.
func isToken(secret *v1.Secret) bool {
	return secret.Namespace == "kube-system" && secret.Type == api.SecretTypeBootstrapToken
}

// signer says whether a Secret is a token that is for signing, and gives its ID.
func signer(secret *v1.Secret) (id string, ok bool) {
	id, named := strings.CutPrefix(secret.Name, api.BootstrapTokenSecretPrefix)
	return id, named && isToken(secret) && secret.DeletionTimestamp == nil &&
		string(secret.Data[api.BootstrapTokenIDKey]) == id && len(secret.Data[api.BootstrapTokenSecretKey]) > 0 &&
		string(secret.Data[api.BootstrapTokenUsageSigningKey]) == "true"
}

// expiry is how long a token is valid; limited is false when it is for ever. One whose expiration is no time has expired.
func expiry(secret *v1.Secret, now time.Time) (left time.Duration, limited bool) {
	text := string(secret.Data[api.BootstrapTokenExpirationKey])
	if text == "" {
		return 0, false
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return 0, true
	}
	return max(at.Sub(now), 0), true
}
