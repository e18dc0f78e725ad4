package registry

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"

	"github.com/proa-sh/proa/pkg/apiserver/authn/tokens"
	"github.com/proa-sh/proa/pkg/apiserver/authz/rbac"
	"github.com/proa-sh/proa/pkg/apiserver/ipalloc"
)

// Dependencies are what actions work with.
type Dependencies struct {
	// Stores of all declared resources.
	Stores        map[schema.GroupResource]*genericregistry.Store
	Client        kubernetes.Interface // acts as the server itself
	Informers     informers.SharedInformerFactory
	Authenticator authenticator.Request
	Authorizer    authorizer.Authorizer
	RuleResolver  authorizer.RuleResolver
	Roles         *rbac.Authorizer // what users may grant
	Issuer        *tokens.Issuer
	Audiences     authenticator.Audiences
	MaxTokenLife  time.Duration // 0 is no bound
	ExtendTokens  bool
	Kubelet       *KubeletConnection
	ServiceRanges []netip.Prefix // the primary one first
	// Addresses of Services; its Holds is set when they are served.
	Addresses *ipalloc.Addresses
	NodePorts *ipalloc.Ports
	// Doubts are writes of Services that were not answered; their Settle is set when Services are served.
	Doubts *ipalloc.Doubts
	Now    func() time.Time
}

// Served is what a server serves, by version and path.
type Served map[schema.GroupVersion]map[string]rest.Storage

func (s Served) add(group, version, path string, storage rest.Storage) {
	v := schema.GroupVersion{Group: group, Version: version}
	if s[v] == nil {
		s[v] = map[string]rest.Storage{}
	}
	s[v][path] = storage
}

func (d *Dependencies) store(group, resource string) (*genericregistry.Store, error) {
	r := schema.GroupResource{Group: group, Resource: resource}
	store, ok := d.Stores[r]
	if !ok {
		return nil, fmt.Errorf("serve actions: resource %s is not declared", r)
	}
	return store, nil
}

// AddActions adds every action to what is served.
func AddActions(ctx context.Context, d Dependencies, served Served) error {
	for _, add := range []struct {
		name string
		add  func(context.Context, *Dependencies, Served) error
	}{
		{"reviews", addReviews},
		{"pods", addPodActions},
		{"nodes", addNodeActions},
		{"service accounts", addServiceAccountActions},
		{"namespaces", addNamespaces},
		{"services", addServices},
		{"resource claims", addClaims},
		{"roles", addRoles},
		{"component statuses", addComponentStatuses},
	} {
		if err := add.add(ctx, &d, served); err != nil {
			return fmt.Errorf("serve actions of %s: %w", add.name, err)
		}
	}
	return nil
}
