package options

import (
	"fmt"
	"net/url"
	"time"

	"github.com/spf13/pflag"
	genericoptions "k8s.io/apiserver/pkg/server/options"
)

// Authentication says how clients prove who they are.
type Authentication struct {
	Anonymous       bool
	ClientCAFile    string
	RequestHeader   genericoptions.RequestHeaderAuthenticationOptions
	TokenFile       string
	BootstrapTokens bool
	APIAudiences    []string
	Webhook         TokenWebhook
	ServiceAccounts ServiceAccounts
}

// TokenWebhook says whom to ask about tokens of others.
type TokenWebhook struct {
	ConfigFile string
	Version    string
	CacheTTL   time.Duration
}

// ServiceAccounts says how tokens of service accounts are issued and verified.
type ServiceAccounts struct {
	// Issuers of accepted tokens; the first one issues.
	Issuers        []string
	JWKSURI        string
	KeyFiles       []string
	SigningKeyFile string
	// MaxExpiration bounds the lifetime that a token may be asked for; no bound if 0.
	MaxExpiration time.Duration
	// ExtendExpiration gives tokens of pods a year, so that clients that never reload theirs go on to work.
	ExtendExpiration bool
}

func newAuthentication() Authentication {
	return Authentication{
		Anonymous:       true,
		Webhook:         TokenWebhook{Version: "v1beta1", CacheTTL: 2 * time.Minute},
		ServiceAccounts: ServiceAccounts{ExtendExpiration: true},
	}
}

func (a *Authentication) addFlags(fs *pflag.FlagSet) {
	fs.BoolVar(&a.Anonymous, "anonymous-auth", a.Anonymous,
		"Enables anonymous requests to the secure port, as user system:anonymous of group system:unauthenticated.")
	fs.StringVar(&a.ClientCAFile, "client-ca-file", a.ClientCAFile,
		"If set, a request with a client certificate signed by one of the authorities in this file is authenticated as the certificate's CommonName.")
	a.RequestHeader.AddFlags(fs)
	fs.StringVar(&a.TokenFile, "token-auth-file", a.TokenFile, "If set, the file with the static tokens that are accepted.")
	fs.BoolVar(&a.BootstrapTokens, "enable-bootstrap-token-auth", a.BootstrapTokens,
		"Enable to allow secrets of type 'bootstrap.kubernetes.io/token' in the 'kube-system' namespace to be used for TLS bootstrapping authentication.")
	fs.StringSliceVar(&a.APIAudiences, "api-audiences", a.APIAudiences,
		"Identifiers of the API: tokens of service accounts must be for one of these. Default is the service account issuers.")
	fs.StringVar(&a.Webhook.ConfigFile, "authentication-token-webhook-config-file", a.Webhook.ConfigFile,
		"File in kubeconfig format with the webhook that is asked about bearer tokens.")
	fs.StringVar(&a.Webhook.Version, "authentication-token-webhook-version", a.Webhook.Version,
		"The API version of the authentication.k8s.io TokenReview to exchange with the webhook.")
	fs.DurationVar(&a.Webhook.CacheTTL, "authentication-token-webhook-cache-ttl", a.Webhook.CacheTTL,
		"The duration to cache responses from the webhook token authenticator.")

	s := &a.ServiceAccounts
	fs.StringArrayVar(&s.Issuers, "service-account-issuer", s.Issuers,
		"Identifier of the service account token issuer, a URL. The first one given issues, all are accepted.")
	fs.StringVar(&s.JWKSURI, "service-account-jwks-uri", s.JWKSURI,
		"Overrides the URI of the JSON Web Key Set in the discovery document at /.well-known/openid-configuration.")
	fs.StringArrayVar(&s.KeyFiles, "service-account-key-file", s.KeyFiles,
		"File with PEM-encoded RSA or ECDSA keys, public or private, by which tokens are verified. Can be given several times.")
	fs.StringVar(&s.SigningKeyFile, "service-account-signing-key-file", s.SigningKeyFile,
		"Path to the private key of the service account token issuer.")
	fs.DurationVar(&s.MaxExpiration, "service-account-max-token-expiration", s.MaxExpiration,
		"The maximum validity duration of an issued token.")
	fs.BoolVar(&s.ExtendExpiration, "service-account-extend-token-expiration", s.ExtendExpiration,
		"Extends projected tokens for the time of migration from tokens that never expire.")
}

func (a *Authentication) validate() []error {
	errs := a.RequestHeader.Validate()
	s := a.ServiceAccounts
	if len(s.Issuers) == 0 {
		errs = append(errs, fmt.Errorf("service-account-issuer is a required flag"))
	}
	for _, issuer := range s.Issuers {
		if _, err := url.Parse(issuer); err != nil {
			errs = append(errs, fmt.Errorf("service-account-issuer %q is not a URL: %w", issuer, err))
		}
	}
	if s.SigningKeyFile == "" {
		errs = append(errs, fmt.Errorf("service-account-signing-key-file is a required flag"))
	}
	if len(s.KeyFiles) == 0 {
		errs = append(errs, fmt.Errorf("service-account-key-file is a required flag"))
	}
	if s.MaxExpiration != 0 && (s.MaxExpiration < time.Hour || s.MaxExpiration > 1<<32*time.Second) {
		errs = append(errs, fmt.Errorf("service-account-max-token-expiration must be between 1 hour and 2^32 seconds, it is %s", s.MaxExpiration))
	}
	return errs
}
