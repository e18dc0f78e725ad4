package tokens

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/uuid"
	"k8s.io/apiserver/pkg/authentication/serviceaccount"
)

// Issuer signs tokens.
type Issuer struct {
	issuer string // the claim iss, a URL
	signer jose.Signer
}

// NewIssuer returns an issuer of that name, which signs with a private RSA or ECDSA key.
func NewIssuer(name string, key crypto.PrivateKey) (*Issuer, error) {
	public, ok := key.(interface{ Public() crypto.PublicKey })
	if !ok {
		return nil, fmt.Errorf("sign service account tokens: a %T is not a private key", key)
	}
	algorithm, err := algorithmOf(public.Public())
	if err != nil {
		return nil, err
	}
	id, err := keyID(public.Public())
	if err != nil {
		return nil, err
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: jose.JSONWebKey{Key: key, KeyID: id}}, nil)
	if err != nil {
		return nil, fmt.Errorf("sign service account tokens: %w", err)
	}
	return &Issuer{issuer: name, signer: signer}, nil
}

// Issue signs a token and returns it with its ID (the claim jti).
func (i *Issuer) Issue(r Request, now time.Time) (token, id string, err error) {
	id = uuid.NewString()
	c := claims{
		Claims: jwt.Claims{
			Issuer:    i.issuer,
			Subject:   serviceaccount.MakeUsername(r.Namespace, r.ServiceAccount),
			Audience:  jwt.Audience(r.Audiences),
			IssuedAt:  jwt.NewNumericDate(now),
			NotBefore: jwt.NewNumericDate(now),
			Expiry:    jwt.NewNumericDate(now.Add(r.Lifetime)),
			ID:        id,
		},
		Kubernetes: bound{
			Namespace:      r.Namespace,
			ServiceAccount: ref{Name: r.ServiceAccount, UID: r.ServiceAccountUID},
			Pod:            r.Pod.ref(), Secret: r.Secret.ref(), Node: r.Node.ref(),
		},
	}
	if r.WarnAfter > 0 {
		c.Kubernetes.WarnAfter = jwt.NewNumericDate(now.Add(r.WarnAfter))
	}
	token, err = jwt.Signed(i.signer).Claims(c).Serialize()
	if err != nil {
		return "", "", fmt.Errorf("sign token of service account %s/%s: %w", r.Namespace, r.ServiceAccount, err)
	}
	return token, id, nil
}

// keyID identifies a public key by a digest of its PKIX form.
func keyID(key crypto.PublicKey) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return "", fmt.Errorf("identify service account key: %w", err)
	}
	sum := sha256.Sum256(der)
	return base64.RawURLEncoding.EncodeToString(sum[:]), nil
}

func algorithmOf(key crypto.PublicKey) (jose.SignatureAlgorithm, error) {
	switch k := key.(type) {
	case *rsa.PublicKey:
		return jose.RS256, nil
	case *ecdsa.PublicKey:
		switch k.Curve.Params().BitSize {
		case 256:
			return jose.ES256, nil
		case 384:
			return jose.ES384, nil
		case 521:
			return jose.ES512, nil
		}
	}
	return "", fmt.Errorf("use service account key: a %T is neither RSA nor ECDSA with P-256, P-384 or P-521", key)
}
