package server

import (
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apiserver/pkg/apis/apiserver"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/authenticatorfactory"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/authorization/authorizerfactory"
	"k8s.io/apiserver/pkg/server/dynamiccertificates"
	"k8s.io/client-go/kubernetes"
)

// AuthConfig says who may call the kubelet; the fields are those of KubeletConfiguration's authentication and
// authorization.
type AuthConfig struct {
	// Client asks the API server about tokens and permissions. It is needed for Webhook and for AuthorizeWebhook.
	Client kubernetes.Interface
	// ClientCA verifies client certificates; nil for none. The caller runs it (ControllerRunner) to follow the file.
	ClientCA dynamiccertificates.CAContentProvider
	// Anonymous lets callers without credentials in, as system:anonymous.
	Anonymous bool
	// Webhook accepts bearer tokens that the API server knows; its answers are kept for WebhookTTL (2 min when 0).
	Webhook    bool
	WebhookTTL time.Duration
	// AlwaysAllow allows every caller that is authenticated; otherwise the API server decides, and its answers are kept
	// for AllowTTL (5 min when 0) and DenyTTL (30 s when 0).
	AlwaysAllow       bool
	AllowTTL, DenyTTL time.Duration
}

// NewAuth makes authenticator and authorizer.
func NewAuth(cfg AuthConfig) (authenticator.Request, authorizer.Authorizer, error) {
	if cfg.Client == nil && (cfg.Webhook || !cfg.AlwaysAllow) {
		return nil, nil, errors.New("authentication or authorization by webhook needs a client of the API server")
	}
	backoff := &wait.Backoff{Duration: 500 * time.Millisecond, Factor: 1.5, Jitter: 0.2, Steps: 5}
	authn := authenticatorfactory.DelegatingAuthenticatorConfig{
		Anonymous:                          &apiserver.AnonymousAuthConfig{Enabled: cfg.Anonymous},
		CacheTTL:                           orDefault(cfg.WebhookTTL, 2*time.Minute),
		ClientCertificateCAContentProvider: cfg.ClientCA,
		WebhookRetryBackoff:                backoff,
		TokenAccessReviewTimeout:           10 * time.Second,
	}
	if cfg.Webhook {
		authn.TokenAccessReviewClient = cfg.Client.AuthenticationV1()
	}
	requests, _, err := authn.New()
	if err != nil {
		return nil, nil, fmt.Errorf("make authenticator: %w", err)
	}
	if cfg.AlwaysAllow {
		return requests, authorizerfactory.NewAlwaysAllowAuthorizer(), nil
	}
	authz, err := authorizerfactory.DelegatingAuthorizerConfig{
		SubjectAccessReviewClient: cfg.Client.AuthorizationV1(),
		AllowCacheTTL:             orDefault(cfg.AllowTTL, 5*time.Minute),
		DenyCacheTTL:              orDefault(cfg.DenyTTL, 30*time.Second),
		WebhookRetryBackoff:       backoff,
	}.New()
	if err != nil {
		return nil, nil, fmt.Errorf("make authorizer: %w", err)
	}
	return requests, authz, nil
}

func orDefault(d, fallback time.Duration) time.Duration {
	if d == 0 {
		return fallback
	}
	return d
}
