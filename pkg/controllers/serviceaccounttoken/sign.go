package serviceaccounttoken

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"fmt"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apiserver/pkg/authentication/serviceaccount"
	"k8s.io/client-go/util/keyutil"
)

// issuer is the claim "iss" by which API servers know tokens of Secrets.
const issuer = "kubernetes/serviceaccount"

// claims are what a token says. The names are those of all Kubernetes versions.
type claims struct {
	jwt.Claims
	Namespace string `json:"kubernetes.io/serviceaccount/namespace"`
	Secret    string `json:"kubernetes.io/serviceaccount/secret.name"`
	Account   string `json:"kubernetes.io/serviceaccount/service-account.name"`
	UID       string `json:"kubernetes.io/serviceaccount/service-account.uid"`
}

// newSigner reads a private key in PEM, RSA or ECDSA.
func newSigner(pem []byte) (jose.Signer, error) {
	key, err := keyutil.ParsePrivateKeyPEM(pem)
	if err != nil {
		return nil, fmt.Errorf("read private key of service account tokens: %w", err)
	}
	var algorithm jose.SignatureAlgorithm
	switch k := key.(type) {
	case *rsa.PrivateKey:
		algorithm = jose.RS256
	case *ecdsa.PrivateKey:
		algorithm = map[int]jose.SignatureAlgorithm{256: jose.ES256, 384: jose.ES384, 521: jose.ES512}[k.Curve.Params().BitSize]
	}
	if algorithm == "" {
		return nil, fmt.Errorf("sign service account tokens: a %T is neither RSA nor ECDSA with P-256, P-384 or P-521", key)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, nil)
	if err != nil {
		return nil, fmt.Errorf("sign service account tokens: %w", err)
	}
	return signer, nil
}

// tokenOf signs the token of a Secret.
func tokenOf(signer jose.Signer, secret *v1.Secret, account *v1.ServiceAccount) (string, error) {
	token, err := jwt.Signed(signer).Claims(claims{
		Claims:    jwt.Claims{Issuer: issuer, Subject: serviceaccount.MakeUsername(account.Namespace, account.Name)},
		Namespace: secret.Namespace, Secret: secret.Name, Account: account.Name, UID: string(account.UID),
	}).Serialize()
	if err != nil {
		return "", fmt.Errorf("sign token of secret %s/%s: %w", secret.Namespace, secret.Name, err)
	}
	return token, nil
}
