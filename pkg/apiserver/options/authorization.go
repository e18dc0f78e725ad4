package options

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"
)

// Authorization says who decides what clients may do.
type Authorization struct {
	Modes   []string // asked in this order
	Webhook AccessWebhook
}

// AccessWebhook says whom to ask in mode Webhook.
type AccessWebhook struct {
	ConfigFile      string
	Version         string
	AuthorizedTTL   time.Duration
	UnauthorizedTTL time.Duration
}

// Authorization modes.
const (
	ModeAlwaysAllow = "AlwaysAllow"
	ModeAlwaysDeny  = "AlwaysDeny"
	ModeNode        = "Node"
	ModeRBAC        = "RBAC"
	ModeWebhook     = "Webhook"
)

func modes() []string {
	return []string{ModeAlwaysAllow, ModeAlwaysDeny, ModeNode, ModeRBAC, ModeWebhook}
}

func newAuthorization() Authorization {
	return Authorization{
		Modes:   []string{ModeAlwaysAllow},
		Webhook: AccessWebhook{Version: "v1beta1", AuthorizedTTL: 5 * time.Minute, UnauthorizedTTL: 30 * time.Second},
	}
}

func (a *Authorization) addFlags(fs *pflag.FlagSet) {
	fs.StringSliceVar(&a.Modes, "authorization-mode", a.Modes,
		"Ordered list of plug-ins to do authorization on secure port. Comma-delimited list of: "+strings.Join(modes(), ",")+".")
	fs.StringVar(&a.Webhook.ConfigFile, "authorization-webhook-config-file", a.Webhook.ConfigFile,
		"File with webhook configuration in kubeconfig format, used with --authorization-mode=Webhook.")
	fs.StringVar(&a.Webhook.Version, "authorization-webhook-version", a.Webhook.Version,
		"The API version of the authorization.k8s.io SubjectAccessReview to exchange with the webhook.")
	fs.DurationVar(&a.Webhook.AuthorizedTTL, "authorization-webhook-cache-authorized-ttl", a.Webhook.AuthorizedTTL,
		"The duration to cache 'authorized' responses from the webhook authorizer.")
	fs.DurationVar(&a.Webhook.UnauthorizedTTL, "authorization-webhook-cache-unauthorized-ttl", a.Webhook.UnauthorizedTTL,
		"The duration to cache 'unauthorized' responses from the webhook authorizer.")
}

func (a *Authorization) validate() []error {
	var errs []error
	if len(a.Modes) == 0 {
		errs = append(errs, fmt.Errorf("at least one authorization-mode must be passed"))
	}
	for i, m := range a.Modes {
		if !slices.Contains(modes(), m) {
			errs = append(errs, fmt.Errorf("authorization-mode %q is not a valid mode, one of %s", m, strings.Join(modes(), ",")))
		}
		if slices.Contains(a.Modes[:i], m) {
			errs = append(errs, fmt.Errorf("authorization-mode %q is given more than once", m))
		}
	}
	if slices.Contains(a.Modes, ModeWebhook) != (a.Webhook.ConfigFile != "") {
		errs = append(errs, fmt.Errorf("authorization-webhook-config-file goes with authorization-mode %s", ModeWebhook))
	}
	return errs
}
