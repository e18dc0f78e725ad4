package apiserver

import (
	"context"
	"fmt"
	"sync"

	"github.com/google/uuid"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/apiserver"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/record"
	aggregator "k8s.io/kube-aggregator/pkg/apiserver"

	"github.com/proa-sh/proa/pkg/api"
	"github.com/proa-sh/proa/pkg/apiserver/authn"
	"github.com/proa-sh/proa/pkg/apiserver/authz/rbac"
	"github.com/proa-sh/proa/pkg/apiserver/inprocess"
	"github.com/proa-sh/proa/pkg/apiserver/ipalloc"
	"github.com/proa-sh/proa/pkg/apiserver/options"
	"github.com/proa-sh/proa/pkg/apiserver/upkeep"
	"github.com/proa-sh/proa/staging/apidef"
)

// Server is an API server.
type Server struct {
	options *options.Options
	groups  []apidef.Group
	scheme  *runtime.Scheme
	codecs  serializer.CodecFactory

	ready      chan struct{} // closed when the server is ready
	started    chan struct{} // closed when requests of this process are answered
	transport  *inprocess.Transport
	informers  *inprocess.Informers
	identities *authn.Identities
	loopback   *rest.Config
	client     kubernetes.Interface

	generic    *genericapiserver.Config
	auth       authentication
	roles      *rbac.Authorizer // also without authorization mode RBAC
	services   aggregator.ServiceResolver
	extensions *apiextensions.CustomResourceDefinitions
	core       *genericapiserver.GenericAPIServer
	versions   []schema.GroupVersion // that core serves, in the order of discovery
	aggregator *aggregator.APIAggregator

	addresses   *ipalloc.Addresses // what Services have
	ports       *ipalloc.Ports
	doubts      *ipalloc.Doubts // writes of Services that were not answered
	keep        *upkeep.Config
	loop        *upkeep.Loop
	upkeepEnded chan struct{} // closed when loop has ended
	events      record.EventBroadcaster
}

// New builds a server. It opens storage, and listens on its port, so that a port in use is an error here; it answers
// once it runs.
func New(ctx context.Context, o *options.Options) (*Server, error) {
	s := &Server{
		options:     o,
		groups:      api.Groups(api.Options{EventTTL: o.EventTTL, ForbidPrivileged: !o.AllowPrivileged}),
		ready:       make(chan struct{}),
		started:     make(chan struct{}),
		upkeepEnded: make(chan struct{}),
		transport:   inprocess.NewTransport(),
		identities:  authn.NewIdentities(),
	}
	var err error
	if s.scheme, err = api.NewScheme(s.groups); err != nil {
		return nil, fmt.Errorf("register API kinds: %w", err)
	}
	s.codecs = serializer.NewCodecFactory(s.scheme)
	s.informers = inprocess.NewInformers(s.resourceOf, s.newObject)
	s.loopback = s.ClientConfig(&user.DefaultInfo{Name: user.APIServerUser, UID: uuid.NewString(), Groups: []string{user.SystemPrivilegedGroup, user.AllAuthenticated}})
	if s.client, err = kubernetes.NewForConfig(s.loopback); err != nil {
		return nil, fmt.Errorf("make client of the API server itself: %w", err)
	}
	for _, step := range []struct {
		name string
		run  func(context.Context) error
	}{
		{"configure API server", s.configure},
		{"build server of custom resources", s.buildExtensions},
		{"build server of core resources", s.buildCore},
		{"build aggregator", s.buildAggregator},
	} {
		if err := step.run(ctx); err != nil {
			return nil, fmt.Errorf("%s: %w", step.name, err)
		}
	}
	return s, nil
}

// Informers returns the informers that read the registry in this process. What they hold is read-only. Informers that
// were asked for before Run are started by it, later ones by calling Start.
func (s *Server) Informers() informers.SharedInformerFactory { return s.informers }

// ClientConfig returns the configuration of a client in this process, which acts as u: its requests pass through
// authentication, authorization and admission, and no socket. They wait until the server runs.
func (s *Server) ClientConfig(u user.Info) *rest.Config {
	return &rest.Config{
		Host:        "https://kubernetes.default.svc",
		Transport:   s.transport,
		BearerToken: s.identities.Add(u),
		QPS:         -1,
		// Warnings are for people.
		WarningHandler: rest.NoWarnings{},
		ContentConfig:  rest.ContentConfig{ContentType: runtime.ContentTypeProtobuf, AcceptContentTypes: runtime.ContentTypeProtobuf + "," + runtime.ContentTypeJSON},
	}
}

// Authenticator finds out who makes a request to another server in this process.
func (s *Server) Authenticator() authenticator.Request { return s.generic.Authentication.Authenticator }

// Authorizer decides what a user may do.
func (s *Server) Authorizer() authorizer.Authorizer { return s.generic.Authorization.Authorizer }

// Run serves until ctx ends, and then until requests in flight have been answered.
func (s *Server) Run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	prepared, err := s.aggregator.PrepareRun()
	if err != nil {
		return fmt.Errorf("prepare API server: %w", err)
	}
	s.transport.Bind(s.aggregator.GenericAPIServer.Handler)
	keeper := s.newAuthenticationKeeper()
	var background sync.WaitGroup
	background.Go(func() { s.publishAuthentication(ctx, keeper) })
	background.Go(func() { s.runUpkeep(ctx) })
	background.Go(func() { s.awaitUpkeep(ctx) })
	err = prepared.Run(ctx)
	stop()
	background.Wait()
	s.informers.Shutdown()
	if err != nil {
		return fmt.Errorf("run API server: %w", err)
	}
	return nil
}

// WaitReady waits until the server answers and everything that a cluster starts with exists.
func (s *Server) WaitReady(ctx context.Context) error {
	select {
	case <-s.ready:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for API server: %w", context.Cause(ctx))
	}
}
