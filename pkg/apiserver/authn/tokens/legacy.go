package tokens

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apiserver/pkg/audit"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/serviceaccount"
	"k8s.io/apiserver/pkg/warning"
)

const (
	// LegacyIssuer is the issuer of the tokens in Secrets of type kubernetes.io/service-account-token. They are signed with
	// the same keys as others, have no end, and are for the API server.
	LegacyIssuer = "kubernetes/serviceaccount"
	// InvalidSince is a label of Secrets whose tokens are refused because they were not used for long, LastUsed one that says
	// when that was. Both are days, as in 2006-01-02, of UTC (KEP-2799).
	InvalidSince = "kubernetes.io/legacy-token-invalid-since"
	LastUsed     = "kubernetes.io/legacy-token-last-used"
)

// legacy is what a token in a Secret says, in place of what it is bound to.
type legacy struct {
	Namespace string `json:"kubernetes.io/serviceaccount/namespace,omitempty"`
	Secret    string `json:"kubernetes.io/serviceaccount/secret.name,omitempty"`
	Account   string `json:"kubernetes.io/serviceaccount/service-account.name,omitempty"`
	UID       string `json:"kubernetes.io/serviceaccount/service-account.uid,omitempty"`
}

// authenticateLegacy answers who holds a token of a Secret. It is valid as long as its Secret has it and its account lives.
func (v *Verifier) authenticateLegacy(ctx context.Context, token string, c *claims) (*authenticator.Response, bool, error) {
	audiences := v.Audiences
	if wanted, ok := authenticator.AudiencesFrom(ctx); ok {
		if audiences = audiences.Intersect(wanted); len(audiences) == 0 && len(wanted) > 0 {
			return nil, false, fmt.Errorf("token audiences %q is invalid for the target audiences %q", []string(v.Audiences), []string(wanted))
		}
	}
	if c.Namespace == "" || c.Secret == "" || c.Account == "" || c.UID == "" || c.Subject != serviceaccount.MakeUsername(c.Namespace, c.Account) {
		return nil, false, errors.New("service account token names no service account and secret")
	}
	account, err := v.Objects.ServiceAccount(ctx, c.Namespace, c.Account)
	if err := v.exists("service account", &ref{c.Account, c.UID}, account, err); err != nil {
		return nil, false, err
	}
	if account.DeletionTimestamp != nil {
		return nil, false, fmt.Errorf("service account token is of service account %q, which is being deleted", c.Account)
	}
	secret, err := v.Objects.Secret(ctx, c.Namespace, c.Secret)
	switch {
	case apierrors.IsNotFound(err):
		return nil, false, fmt.Errorf("service account token is of secret %q, which does not exist", c.Secret)
	case err != nil:
		return nil, false, fmt.Errorf("look up secret %q of a service account token: %w", c.Secret, err)
	}
	if err := holds(secret, token); err != nil {
		return nil, false, err
	}
	if err := v.noteUse(ctx, account, secret, c); err != nil {
		return nil, false, err
	}
	info := serviceaccount.ServiceAccountInfo{Namespace: c.Namespace, Name: c.Account, UID: c.UID}
	return &authenticator.Response{User: info.UserInfo(), Audiences: audiences}, true, nil
}

// holds says why a Secret does not vouch for a token, if it does not.
func holds(secret *corev1.Secret, token string) error {
	switch {
	case secret.DeletionTimestamp != nil:
		return fmt.Errorf("service account token is of secret %q, which is being deleted", secret.Name)
	case !bytes.Equal(secret.Data[corev1.ServiceAccountTokenKey], []byte(token)):
		return fmt.Errorf("service account token is not the one that secret %q holds", secret.Name)
	}
	return nil
}

// noteUse tells of the use of a Secret's token, to the audit log, the metrics, the client, and on the Secret, so that people
// see which tokens they still need. One that was marked as invalid because nobody used it is refused; it is noted all the
// same, and not deleted then (KEP-2799).
func (v *Verifier) noteUse(ctx context.Context, account *corev1.ServiceAccount, secret *corev1.Secret, c *claims) error {
	if today := v.Now().UTC().Format(time.DateOnly); secret.Labels[LastUsed] != today {
		v.Used(ctx, secret, today)
	}
	if secret.Labels[InvalidSince] != "" {
		audit.AddAuditAnnotation(ctx, "authentication.k8s.io/legacy-token-invalidated", secret.Name+"/"+secret.Namespace)
		v.Count(InvalidAutoUses)
		return fmt.Errorf("the token in secret %s/%s for service account %s/%s has been marked invalid. Use tokens from the TokenRequest API or manually created "+
			"secret-based tokens, or remove the '%s' label from the secret to temporarily allow use of this token", secret.Namespace, secret.Name, c.Namespace, c.Account, InvalidSince)
	}
	audit.AddAuditAnnotation(ctx, "authentication.k8s.io/legacy-token", c.Subject)
	v.Count(LegacyUses)
	// Those that controllers of before v1.24 made stand in the service account.
	if slices.ContainsFunc(account.Secrets, func(r corev1.ObjectReference) bool { return r.Name == secret.Name }) {
		warning.AddWarning(ctx, "", "Use tokens from the TokenRequest API or manually created secret-based tokens instead of auto-generated secret-based tokens.")
		audit.AddAuditAnnotation(ctx, "authentication.k8s.io/legacy-token-autogenerated-secret", secret.Name)
		v.Count(AutoUses)
		return nil
	}
	audit.AddAuditAnnotation(ctx, "authentication.k8s.io/legacy-token-manual-secret", secret.Name)
	v.Count(ManualUses)
	return nil
}
