package tokens

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/serviceaccount"
)

// Objects reads what tokens are bound to. A not-found error means that it is gone.
type Objects interface {
	ServiceAccount(ctx context.Context, namespace, name string) (*corev1.ServiceAccount, error)
	Pod(ctx context.Context, namespace, name string) (*corev1.Pod, error)
	Secret(ctx context.Context, namespace, name string) (*corev1.Secret, error)
	Node(ctx context.Context, name string) (*corev1.Node, error)
}

// Verifier authenticates requests by tokens of service accounts. It is an authenticator.Token.
type Verifier struct {
	Issuers   []string
	Keys      Keys
	Audiences authenticator.Audiences // the API server's own
	Objects   Objects
	Now       func() time.Time
	// Count counts a use.
	Count func(Use)
	// Used writes on a Secret that its token was used today, a day as in [LastUsed]. That it fails is no reason to refuse it.
	Used func(ctx context.Context, secret *corev1.Secret, today string)
}

// deletedFor is how long a token outlives the deletion time of what it is bound to, so that a pod that is shutting down
// can still use the API.
const deletedFor = 60 * time.Second

// AuthenticateToken answers who holds the token. ok is false without an error if another issuer made it.
func (v *Verifier) AuthenticateToken(ctx context.Context, token string) (*authenticator.Response, bool, error) {
	parsed, c, ok := parse(token)
	if !ok || c.Issuer != LegacyIssuer && !slices.Contains(v.Issuers, c.Issuer) {
		return nil, false, nil
	}
	if err := v.verify(parsed); err != nil {
		return nil, false, err
	}
	if c.Issuer == LegacyIssuer {
		return v.authenticateLegacy(ctx, token, c)
	}
	wanted, ok := authenticator.AudiencesFrom(ctx)
	if !ok {
		wanted = v.Audiences
	}
	audiences := authenticator.Audiences(c.Audience)
	if len(audiences) == 0 {
		audiences = v.Audiences
	}
	audiences = audiences.Intersect(wanted)
	if len(audiences) == 0 && len(wanted) > 0 {
		return nil, false, fmt.Errorf("token audiences %q is invalid for the target audiences %q", []string(c.Audience), []string(wanted))
	}
	if err := c.Validate(jwt.Expected{Time: v.Now()}); err != nil {
		if errors.Is(err, jwt.ErrExpired) {
			return nil, false, errors.New("service account token has expired")
		}
		return nil, false, fmt.Errorf("check times of service account token: %w", err)
	}
	info, err := v.holder(ctx, c)
	if err != nil {
		return nil, false, err
	}
	v.noteAge(ctx, c)
	return &authenticator.Response{User: info.UserInfo(), Audiences: audiences}, true, nil
}

// parse reads what a token says, without a look at the signature. ok is false for what is no token.
func parse(token string) (parsed *jwt.JSONWebToken, c *claims, ok bool) {
	if strings.Count(token, ".") != 2 {
		return nil, nil, false
	}
	parsed, err := jwt.ParseSigned(token, algorithms)
	if err != nil {
		return nil, nil, false
	}
	c = &claims{}
	if err := parsed.UnsafeClaimsWithoutVerification(c); err != nil {
		return nil, nil, false
	}
	return parsed, c, true
}

var algorithms = []jose.SignatureAlgorithm{jose.RS256, jose.ES256, jose.ES384, jose.ES512}

// verify reports whether one of our keys has signed a token.
func (v *Verifier) verify(parsed *jwt.JSONWebToken) error {
	var id string
	if len(parsed.Headers) > 0 {
		id = parsed.Headers[0].KeyID
	}
	err := errors.New("there is no key")
	for _, key := range v.Keys.candidates(id) {
		if err = parsed.Claims(key.Key); err == nil {
			return nil
		}
	}
	return fmt.Errorf("verify service account token: %w", err)
}

// holder checks that all the token is bound to exists.
func (v *Verifier) holder(ctx context.Context, c *claims) (*serviceaccount.ServiceAccountInfo, error) {
	k := c.Kubernetes
	if k.Namespace == "" || k.ServiceAccount.Name == "" || k.ServiceAccount.UID == "" {
		return nil, errors.New("service account token names no service account")
	}
	info := &serviceaccount.ServiceAccountInfo{
		Namespace: k.Namespace, Name: k.ServiceAccount.Name, UID: k.ServiceAccount.UID,
	}
	if c.ID != "" {
		info.CredentialID = "JTI=" + c.ID
	}
	account, err := v.Objects.ServiceAccount(ctx, k.Namespace, k.ServiceAccount.Name)
	if err := v.exists("service account", &k.ServiceAccount, account, err); err != nil {
		return nil, err
	}
	if k.Secret != nil {
		secret, err := v.Objects.Secret(ctx, k.Namespace, k.Secret.Name)
		if err := v.exists("secret", k.Secret, secret, err); err != nil {
			return nil, err
		}
	}
	if k.Pod != nil {
		pod, err := v.Objects.Pod(ctx, k.Namespace, k.Pod.Name)
		if err := v.exists("pod", k.Pod, pod, err); err != nil {
			return nil, err
		}
		info.PodName, info.PodUID = k.Pod.Name, k.Pod.UID
	}
	if k.Node != nil {
		info.NodeName, info.NodeUID = k.Node.Name, k.Node.UID
		if k.Pod == nil {
			node, err := v.Objects.Node(ctx, k.Node.Name)
			if err := v.exists("node", k.Node, node, err); err != nil {
				return nil, err
			}
		}
	}
	return info, nil
}

func (v *Verifier) exists(what string, r *ref, obj metav1.Object, err error) error {
	switch {
	case apierrors.IsNotFound(err):
		return fmt.Errorf("service account token is bound to %s %q, which does not exist", what, r.Name)
	case err != nil:
		return fmt.Errorf("look up %s %q of a service account token: %w", what, r.Name, err)
	case obj.GetUID() != types.UID(r.UID):
		return fmt.Errorf("service account token is bound to another %s %q (UID %s, not %s)", what, r.Name, r.UID, obj.GetUID())
	case obj.GetDeletionTimestamp() != nil && obj.GetDeletionTimestamp().Add(deletedFor).Before(v.Now()):
		return fmt.Errorf("service account token is bound to %s %q, which was deleted", what, r.Name)
	}
	return nil
}
