package tokens

import (
	"crypto"
	"encoding/json"
	"fmt"

	"github.com/go-jose/go-jose/v4"
)

// Keys are the public keys by which tokens are verified.
type Keys []jose.JSONWebKey

// NewKeys returns the set of public RSA and ECDSA keys.
func NewKeys(public ...crypto.PublicKey) (Keys, error) {
	var out Keys
	for _, k := range public {
		algorithm, err := algorithmOf(k)
		if err != nil {
			return nil, err
		}
		id, err := keyID(k)
		if err != nil {
			return nil, err
		}
		out = append(out, jose.JSONWebKey{Key: k, KeyID: id, Algorithm: string(algorithm), Use: "sig"})
	}
	return out, nil
}

// candidates are the keys to try for a token that names key id, all of them if it names none or an unknown one.
func (k Keys) candidates(id string) Keys {
	for _, key := range k {
		if key.KeyID == id {
			return Keys{key}
		}
	}
	return k
}

// Discovery returns the documents /.well-known/openid-configuration and /openid/v1/jwks for an issuer (OpenID Connect
// Discovery 1.0, section 3).
func (k Keys) Discovery(issuer, jwksURI string) (configuration, jwks []byte, err error) {
	algorithms := []string{}
	seen := map[string]bool{}
	for _, key := range k {
		if !seen[key.Algorithm] {
			seen[key.Algorithm] = true
			algorithms = append(algorithms, key.Algorithm)
		}
	}
	configuration, err = json.Marshal(struct {
		Issuer        string   `json:"issuer"`
		JWKSURI       string   `json:"jwks_uri"`
		ResponseTypes []string `json:"response_types_supported"`
		SubjectTypes  []string `json:"subject_types_supported"`
		Algorithms    []string `json:"id_token_signing_alg_values_supported"`
	}{issuer, jwksURI, []string{"id_token"}, []string{"public"}, algorithms})
	if err != nil {
		return nil, nil, fmt.Errorf("describe issuer %s: %w", issuer, err)
	}
	jwks, err = json.Marshal(jose.JSONWebKeySet{Keys: k})
	if err != nil {
		return nil, nil, fmt.Errorf("describe keys of issuer %s: %w", issuer, err)
	}
	return configuration, jwks, nil
}
