package tokens

import (
	"context"
	"fmt"

	"k8s.io/apiserver/pkg/audit"
)

// Use is a counter of uses of tokens: the name of a metric, as upstream's.
type Use string

// Uses of tokens. A token that the server remembers, for some seconds, is not counted.
const (
	LegacyUses      Use = "serviceaccount_legacy_tokens_total"
	AutoUses        Use = "serviceaccount_legacy_auto_token_uses_total"
	ManualUses      Use = "serviceaccount_legacy_manual_token_uses_total"
	InvalidAutoUses Use = "serviceaccount_invalid_legacy_auto_token_uses_total"
	StaleUses       Use = "serviceaccount_stale_tokens_total"
	ValidUses       Use = "serviceaccount_valid_tokens_total"
)

// Uses returns all counters with their help texts.
func Uses() map[Use]string {
	return map[Use]string{
		LegacyUses:      "Cumulative legacy service account tokens used",
		AutoUses:        "Cumulative auto-generated legacy tokens used",
		ManualUses:      "Cumulative manually created legacy tokens used",
		InvalidAutoUses: "Cumulative invalid auto-generated legacy tokens used",
		StaleUses:       "Cumulative stale projected service account tokens used",
		ValidUses:       "Cumulative valid projected service account tokens used",
	}
}

// noteAge counts the use of a bound token, and tells the audit log of one that its holder should have renewed: it lives
// longer than was asked for only so that programs that never read it again do not fail at once (KEP-1205).
func (v *Verifier) noteAge(ctx context.Context, c *claims) {
	if c.Kubernetes.WarnAfter == nil || !v.Now().After(c.Kubernetes.WarnAfter.Time()) {
		v.Count(ValidUses)
		return
	}
	late := v.Now().Sub(c.Kubernetes.WarnAfter.Time())
	audit.AddAuditAnnotation(ctx, "authentication.k8s.io/stale-token", fmt.Sprintf("subject: %s, seconds after warning threshold: %.0f", c.Subject, late.Seconds()))
	v.Count(StaleUses)
}
