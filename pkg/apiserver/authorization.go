package apiserver

import (
	"context"
	"fmt"
	"slices"

	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/authorization/authorizerfactory"
	"k8s.io/apiserver/pkg/authorization/cel"
	"k8s.io/apiserver/pkg/authorization/union"
	genericoptions "k8s.io/apiserver/pkg/server/options"
	"k8s.io/apiserver/pkg/util/webhook"
	authzwebhook "k8s.io/apiserver/plugin/pkg/authorizer/webhook"
	"k8s.io/apiserver/plugin/pkg/authorizer/webhook/metrics"

	"github.com/proa-sh/proa/pkg/apiserver/authz/node"
	"github.com/proa-sh/proa/pkg/apiserver/authz/rbac"
	"github.com/proa-sh/proa/pkg/apiserver/bootstrap"
	"github.com/proa-sh/proa/pkg/apiserver/options"
)

func (s *Server) configureAuthorization() error {
	authorizers := []authorizer.Authorizer{authorizerfactory.NewPrivilegedGroups(user.SystemPrivilegedGroup)}
	var resolvers []authorizer.RuleResolver
	// Roles bound what users may grant, whoever decides what they may do.
	var err error
	if s.roles, err = rbac.New(s.informers.Rbac().V1()); err != nil {
		return err
	}
	for _, mode := range s.options.Authorization.Modes {
		a, err := s.newAuthorizer(mode)
		if err != nil {
			return fmt.Errorf("set up authorization mode %s: %w", mode, err)
		}
		authorizers = append(authorizers, a)
		if r, ok := a.(authorizer.RuleResolver); ok {
			resolvers = append(resolvers, r)
		}
	}
	s.generic.Authorization.Authorizer = union.New(authorizers...)
	s.generic.RuleResolver = union.NewRuleResolvers(resolvers...)
	return nil
}

func (s *Server) newAuthorizer(mode string) (authorizer.Authorizer, error) {
	switch mode {
	case options.ModeAlwaysAllow:
		return authorizerfactory.NewAlwaysAllowAuthorizer(), nil
	case options.ModeAlwaysDeny:
		return authorizerfactory.NewAlwaysDenyAuthorizer(), nil
	case options.ModeRBAC:
		return s.roles, nil
	case options.ModeNode:
		rules, err := bootstrap.ClusterRoleRules("system:node")
		if err != nil {
			return nil, err
		}
		return node.New(s.informers, func(a authorizer.Attributes) bool { return rbac.RulesAllow(rules, a) })
	case options.ModeWebhook:
		return s.newAuthorizerWebhook()
	}
	return nil, fmt.Errorf("there is no such mode")
}

func (s *Server) newAuthorizerWebhook() (authorizer.Authorizer, error) {
	o := s.options.Authorization.Webhook
	config, err := webhook.LoadKubeconfig(o.ConfigFile, nil)
	if err != nil {
		return nil, fmt.Errorf("read --authorization-webhook-config-file: %w", err)
	}
	compiler := cel.NewDefaultCompiler()
	return authzwebhook.New(config, o.Version, o.AuthorizedTTL, o.UnauthorizedTTL, *genericoptions.DefaultAuthWebhookRetryBackoff(),
		authorizer.DecisionNoOpinion, nil, "webhook", metrics.NoopAuthorizerMetrics{}, compiler)
}

// rolesSynced waits until roles and bindings are known, without which RBAC refuses everybody.
func (s *Server) rolesSynced(ctx context.Context) error {
	if !slices.Contains(s.options.Authorization.Modes, options.ModeRBAC) {
		return nil
	}
	return s.informers.WaitForCacheSyncWithContext(ctx).Err
}
