package authn

import (
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/authenticatorfactory"
	"k8s.io/apiserver/pkg/authentication/group"
	"k8s.io/apiserver/pkg/authentication/request/anonymous"
	"k8s.io/apiserver/pkg/authentication/request/bearertoken"
	"k8s.io/apiserver/pkg/authentication/request/headerrequest"
	"k8s.io/apiserver/pkg/authentication/request/union"
	"k8s.io/apiserver/pkg/authentication/request/websocket"
	"k8s.io/apiserver/pkg/authentication/request/x509"
	tokenunion "k8s.io/apiserver/pkg/authentication/token/union"
	"k8s.io/apiserver/pkg/server/dynamiccertificates"
)

// Config says which proofs of identity are accepted.
type Config struct {
	// ClientCA verifies client certificates; none is accepted if nil.
	ClientCA dynamiccertificates.CAContentProvider
	// RequestHeader trusts a front proxy's headers; none if nil.
	RequestHeader *authenticatorfactory.RequestHeaderConfig
	// Tokens are asked in this order about bearer tokens.
	Tokens    []authenticator.Token
	Audiences authenticator.Audiences
	Anonymous bool
}

// New returns the authenticator of requests.
func New(c Config) authenticator.Request {
	var all []authenticator.Request
	if h := c.RequestHeader; h != nil {
		all = append(all, authenticator.WrapAudienceAgnosticRequest(c.Audiences, headerrequest.NewDynamicVerifyOptionsSecure(
			h.CAContentProvider.VerifyOptions, h.AllowedClientNames, h.UsernameHeaders, h.UIDHeaders, h.GroupHeaders, h.ExtraHeaderPrefixes)))
	}
	if c.ClientCA != nil {
		all = append(all, authenticator.WrapAudienceAgnosticRequest(c.Audiences, x509.NewDynamic(c.ClientCA.VerifyOptions, x509.CommonNameUserConversion)))
	}
	if len(c.Tokens) > 0 {
		tokens := tokenunion.New(c.Tokens...)
		all = append(all, bearertoken.New(tokens), websocket.NewProtocolAuthenticator(tokens))
	}
	known := group.NewAuthenticatedGroupAdder(union.New(all...))
	if !c.Anonymous {
		return known
	}
	return union.NewFailOnError(known, anonymous.NewAuthenticator(nil))
}
