package bootstraptokens

import (
	"context"
	"crypto/subtle"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/user"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/cluster-bootstrap/token/api"
	"k8s.io/cluster-bootstrap/token/util"
	"k8s.io/klog/v2"
)

// Authenticator knows the tokens in secrets.
type Authenticator struct {
	Secrets corelisters.SecretNamespaceLister // of kube-system
	Now     func() time.Time
}

// AuthenticateToken answers whose token it is. ok is false without an error if it is no such token, or none that may be
// used: another authenticator may know it.
func (a *Authenticator) AuthenticateToken(ctx context.Context, token string) (*authenticator.Response, bool, error) {
	id, secret, ok := split(token)
	if !ok {
		return nil, false, nil
	}
	name := api.BootstrapTokenSecretPrefix + id
	stored, err := a.Secrets.Get(name)
	if apierrors.IsNotFound(err) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("look up bootstrap token %q: %w", id, err)
	}
	groups, reason := a.accept(stored, id, secret)
	if reason != "" {
		klog.FromContext(ctx).V(2).Info("Refused a bootstrap token", "secret", klog.KObj(stored), "reason", reason)
		return nil, false, nil
	}
	return &authenticator.Response{User: &user.DefaultInfo{Name: api.BootstrapUserPrefix + id, Groups: groups}}, true, nil
}

func split(token string) (id, secret string, ok bool) {
	parts := util.BootstrapTokenRegexp.FindStringSubmatch(token)
	if len(parts) != 3 {
		return "", "", false
	}
	return parts[1], parts[2], true
}

// accept returns the groups of the token's user, or why the token may not be used.
func (a *Authenticator) accept(s *corev1.Secret, id, secret string) (groups []string, reason string) {
	if s.Type != api.SecretTypeBootstrapToken {
		return nil, fmt.Sprintf("the secret is of type %q", s.Type)
	}
	if s.DeletionTimestamp != nil {
		return nil, "the secret is being deleted"
	}
	if stored := s.Data[api.BootstrapTokenSecretKey]; len(stored) == 0 || subtle.ConstantTimeCompare(stored, []byte(secret)) != 1 {
		return nil, "the token's secret part is another"
	}
	if string(s.Data[api.BootstrapTokenIDKey]) != id {
		return nil, "the secret is of another token ID"
	}
	if at := string(s.Data[api.BootstrapTokenExpirationKey]); at != "" {
		expiry, err := time.Parse(time.RFC3339, at)
		if err != nil {
			return nil, "its expiration is not a time"
		}
		if !a.Now().Before(expiry) {
			return nil, "it has expired"
		}
	}
	if string(s.Data[api.BootstrapTokenUsageAuthentication]) != "true" {
		return nil, "it is not for authentication"
	}
	groups = []string{api.BootstrapDefaultGroup}
	for g := range strings.SplitSeq(string(s.Data[api.BootstrapTokenExtraGroupsKey]), ",") {
		if g == "" {
			continue
		}
		if err := util.ValidateBootstrapGroupName(g); err != nil {
			return nil, err.Error()
		}
		groups = append(groups, g)
	}
	return groups, ""
}
