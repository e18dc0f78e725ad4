package apiserver

import (
	"context"
	"crypto"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	tokencache "k8s.io/apiserver/pkg/authentication/token/cache"
	"k8s.io/apiserver/pkg/authentication/token/tokenfile"
	"k8s.io/apiserver/pkg/server/dynamiccertificates"
	genericoptions "k8s.io/apiserver/pkg/server/options"
	"k8s.io/apiserver/pkg/util/webhook"
	tokenwebhook "k8s.io/apiserver/plugin/pkg/authenticator/token/webhook"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/util/keyutil"
	"k8s.io/klog/v2"

	"github.com/proa-sh/proa/pkg/apiserver/authn"
	"github.com/proa-sh/proa/pkg/apiserver/authn/bootstraptokens"
	"github.com/proa-sh/proa/pkg/apiserver/authn/tokens"
	"github.com/proa-sh/proa/pkg/apiserver/bootstrap/clusterauth"
	"github.com/proa-sh/proa/pkg/apiserver/options"
	"github.com/proa-sh/proa/pkg/component"
)

// authentication is what the rest of the server needs to know of it.
type authentication struct {
	issuer    *tokens.Issuer
	keys      tokens.Keys
	audiences authenticator.Audiences
	clientCA  dynamiccertificates.CAContentProvider // may be nil
}

// verifiedTTL is how long a verified token of a service account is not verified again. Refused ones are, each time.
const verifiedTTL = 10 * time.Second

func (s *Server) configureAuthentication() error {
	o := s.options.Authentication
	config := authn.Config{Anonymous: o.Anonymous, Audiences: authenticator.Audiences(o.APIAudiences)}
	if config.Anonymous && slices.Contains(s.options.Authorization.Modes, options.ModeAlwaysAllow) {
		klog.Background().Info("Anonymous requests are not allowed together with authorization mode AlwaysAllow, which would let everybody do everything; they are switched off")
		config.Anonymous = false
	}
	if len(config.Audiences) == 0 {
		config.Audiences = authenticator.Audiences(o.ServiceAccounts.Issuers)
	}
	s.auth.audiences = config.Audiences
	if o.ClientCAFile != "" {
		ca, err := dynamiccertificates.NewDynamicCAContentFromFile("client-ca-bundle", o.ClientCAFile)
		if err != nil {
			return fmt.Errorf("read --client-ca-file: %w", err)
		}
		config.ClientCA, s.auth.clientCA = ca, ca
		if err := s.generic.Authentication.ApplyClientCert(ca, s.generic.SecureServing); err != nil {
			return err
		}
	}
	if err := s.trustFrontProxy(&config); err != nil {
		return err
	}
	verifier, err := s.serviceAccountTokens()
	if err != nil {
		return err
	}
	// As upstream: what a token says is believed for a while, also when what it is bound to goes meanwhile.
	config.Tokens = append(config.Tokens, s.identities, tokencache.New(verifier, false, verifiedTTL, 0))
	if o.TokenFile != "" {
		static, err := tokenfile.NewCSV(o.TokenFile)
		if err != nil {
			return fmt.Errorf("read --token-auth-file: %w", err)
		}
		config.Tokens = append(config.Tokens, authenticator.WrapAudienceAgnosticToken(config.Audiences, static))
	}
	if o.BootstrapTokens {
		secrets := s.informers.Core().V1().Secrets().Lister().Secrets(metav1.NamespaceSystem)
		config.Tokens = append(config.Tokens, authenticator.WrapAudienceAgnosticToken(config.Audiences, &bootstraptokens.Authenticator{Secrets: secrets, Now: time.Now}))
	}
	if o.Webhook.ConfigFile != "" {
		remote, err := newTokenWebhook(o.Webhook, config.Audiences)
		if err != nil {
			return err
		}
		config.Tokens = append(config.Tokens, remote)
	}
	s.generic.Authentication.APIAudiences = config.Audiences
	s.generic.Authentication.RequestHeaderConfig = config.RequestHeader
	s.generic.Authentication.Authenticator = authn.New(config)
	return nil
}

// newTokenWebhook asks another server about tokens, and remembers what it said for a while.
func newTokenWebhook(o options.TokenWebhook, audiences authenticator.Audiences) (authenticator.Token, error) {
	config, err := webhook.LoadKubeconfig(o.ConfigFile, nil)
	if err != nil {
		return nil, fmt.Errorf("read --authentication-token-webhook-config-file: %w", err)
	}
	remote, err := tokenwebhook.New(config, o.Version, audiences, *genericoptions.DefaultAuthWebhookRetryBackoff())
	if err != nil {
		return nil, fmt.Errorf("set up token webhook: %w", err)
	}
	return tokencache.New(remote, false, o.CacheTTL, o.CacheTTL), nil
}

// clusterAuth is what other servers of the cluster have to know to trust the same clients.
func (s *Server) clusterAuth() clusterauth.Info {
	var out clusterauth.Info
	if s.auth.clientCA != nil {
		out.ClientCA = s.auth.clientCA.CurrentCABundleContent()
	}
	if h := s.generic.Authentication.RequestHeaderConfig; h != nil {
		out.ProxyCA = h.CAContentProvider.CurrentCABundleContent()
		out.UsernameHeaders, out.UIDHeaders, out.GroupHeaders = h.UsernameHeaders.Value(), h.UIDHeaders.Value(), h.GroupHeaders.Value()
		out.ExtraHeaderPrefixes, out.AllowedNames = h.ExtraHeaderPrefixes.Value(), h.AllowedClientNames.Value()
	}
	return out
}

// trustFrontProxy accepts users named by a proxy with a certificate of --requestheader-client-ca-file.
func (s *Server) trustFrontProxy(config *authn.Config) error {
	header, err := s.options.Authentication.RequestHeader.ToAuthenticationRequestHeaderConfig()
	if err != nil {
		return fmt.Errorf("read --requestheader-client-ca-file: %w", err)
	}
	if header == nil {
		return nil
	}
	config.RequestHeader = header
	return s.generic.Authentication.ApplyClientCert(header.CAContentProvider, s.generic.SecureServing)
}

// serviceAccountTokens returns the verifier of service accounts' tokens, and keeps what issues them.
func (s *Server) serviceAccountTokens() (*tokens.Verifier, error) {
	o := s.options.Authentication.ServiceAccounts
	signing, err := keyutil.PrivateKeyFromFile(o.SigningKeyFile)
	if err != nil {
		return nil, fmt.Errorf("read --service-account-signing-key-file: %w", err)
	}
	if s.auth.issuer, err = tokens.NewIssuer(o.Issuers[0], signing); err != nil {
		return nil, err
	}
	var public []crypto.PublicKey
	for _, file := range o.KeyFiles {
		keys, err := keyutil.PublicKeysFromFile(file)
		if err != nil {
			return nil, fmt.Errorf("read --service-account-key-file %s: %w", file, err)
		}
		for _, k := range keys {
			public = append(public, k)
		}
	}
	if s.auth.keys, err = tokens.NewKeys(public...); err != nil {
		return nil, err
	}
	count, err := countUses()
	if err != nil {
		return nil, err
	}
	return &tokens.Verifier{Issuers: o.Issuers, Keys: s.auth.keys, Audiences: s.auth.audiences, Now: time.Now, Objects: s.tokenObjects(), Count: count, Used: s.noteUse}, nil
}

// countUses returns what counts uses of tokens in the metrics.
func countUses() (func(tokens.Use), error) {
	counters := map[tokens.Use]component.Counter{}
	for use, help := range tokens.Uses() {
		c, err := component.NewCounter(string(use), help)
		if err != nil {
			return nil, err
		}
		counters[use] = c
	}
	return func(u tokens.Use) { counters[u].Inc() }, nil
}

// noteUse writes the day of its last use on the Secret of a token.
func (s *Server) noteUse(ctx context.Context, secret *corev1.Secret, today string) {
	patch := fmt.Sprintf(`{"metadata":{"uid":%q,"labels":{%q:%q}}}`, secret.UID, tokens.LastUsed, today)
	if _, err := s.client.CoreV1().Secrets(secret.Namespace).Patch(ctx, secret.Name, types.MergePatchType, []byte(patch), metav1.PatchOptions{}); err != nil {
		klog.FromContext(ctx).Error(err, "Could not write on a Secret that its service account token was used", "secret", klog.KObj(secret), "day", today)
	}
}

// tokenObjects reads what tokens are bound to from the informers, and asks storage before it says that something does
// not exist: a token may be used before the watch has told of its pod.
func (s *Server) tokenObjects() tokens.Objects {
	core := s.informers.Core().V1()
	return tokenObjects{s.client, core.ServiceAccounts().Lister(), core.Pods().Lister(), core.Secrets().Lister(), core.Nodes().Lister()}
}

type tokenObjects struct {
	client   kubernetes.Interface
	accounts corelisters.ServiceAccountLister
	pods     corelisters.PodLister
	secrets  corelisters.SecretLister
	nodes    corelisters.NodeLister
}

func (o tokenObjects) ServiceAccount(ctx context.Context, namespace, name string) (*corev1.ServiceAccount, error) {
	obj, err := o.accounts.ServiceAccounts(namespace).Get(name)
	if apierrors.IsNotFound(err) {
		return o.client.CoreV1().ServiceAccounts(namespace).Get(ctx, name, metav1.GetOptions{})
	}
	return obj, err
}

func (o tokenObjects) Pod(ctx context.Context, namespace, name string) (*corev1.Pod, error) {
	obj, err := o.pods.Pods(namespace).Get(name)
	if apierrors.IsNotFound(err) {
		return o.client.CoreV1().Pods(namespace).Get(ctx, name, metav1.GetOptions{})
	}
	return obj, err
}

func (o tokenObjects) Secret(ctx context.Context, namespace, name string) (*corev1.Secret, error) {
	obj, err := o.secrets.Secrets(namespace).Get(name)
	if apierrors.IsNotFound(err) {
		return o.client.CoreV1().Secrets(namespace).Get(ctx, name, metav1.GetOptions{})
	}
	return obj, err
}

func (o tokenObjects) Node(ctx context.Context, name string) (*corev1.Node, error) {
	obj, err := o.nodes.Get(name)
	if apierrors.IsNotFound(err) {
		return o.client.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
	}
	return obj, err
}
