package apiserver

import (
	"context"
	"net/http"
	"time"

	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/client-go/tools/cache"

	"github.com/proa-sh/proa/pkg/apiserver/bootstrap/clusterauth"
)

// addHooks adds what happens when the server has begun to serve. It is ready when all hooks have returned.
func (s *Server) addHooks() error {
	if err := s.core.AddPostStartHook("start-kube-apiserver-informers", s.startInformers); err != nil {
		return err
	}
	if s.generic.FlowControl != nil {
		if err := s.core.AddPostStartHook("start-kube-apiserver-flow-control", s.awaitFlowControl); err != nil {
			return err
		}
	}
	if err := s.addUpkeep(); err != nil {
		return err
	}
	return s.serveKeys()
}

func (s *Server) startInformers(hook genericapiserver.PostStartHookContext) error {
	s.informers.StartWithContext(hook)
	close(s.started)
	return s.rolesSynced(hook)
}

// newAuthenticationKeeper returns what keeps the ConfigMap by which aggregated API servers trust the clients of this one.
// It listens to the certificates before anything else runs: their list of listeners has no lock.
func (s *Server) newAuthenticationKeeper() *clusterauth.Keeper {
	keeper := clusterauth.NewKeeper(s.client, s.clusterAuth, time.Now)
	if s.auth.clientCA != nil {
		s.auth.clientCA.AddListener(keeper)
	}
	if h := s.generic.Authentication.RequestHeaderConfig; h != nil {
		h.CAContentProvider.AddListener(keeper)
	}
	return keeper
}

// publishAuthentication runs the keeper, once the namespace exists, until ctx ends.
func (s *Server) publishAuthentication(ctx context.Context, keeper *clusterauth.Keeper) {
	select {
	case <-s.ready:
		keeper.Run(ctx)
	case <-ctx.Done():
	}
}

// awaitFlowControl waits until the default priority levels are known to the server's own queues.
func (s *Server) awaitFlowControl(hook genericapiserver.PostStartHookContext) error {
	flow := s.informers.Flowcontrol().V1()
	cache.WaitForCacheSync(hook.Done(), flow.FlowSchemas().Informer().HasSynced, flow.PriorityLevelConfigurations().Informer().HasSynced)
	return nil
}

// serveKeys serves the documents by which others can verify tokens of service accounts.
func (s *Server) serveKeys() error {
	o := s.options.Authentication.ServiceAccounts
	uri := o.JWKSURI
	if uri == "" {
		uri = "https://" + s.generic.ExternalAddress + "/openid/v1/jwks"
	}
	configuration, jwks, err := s.auth.keys.Discovery(o.Issuers[0], uri)
	if err != nil {
		return err
	}
	document := func(mediaType string, content []byte) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", mediaType)
			w.Header().Set("Cache-Control", "public, max-age=3600")
			// The client has gone if this fails.
			_, _ = w.Write(content)
		})
	}
	mux := s.core.Handler.NonGoRestfulMux
	mux.Handle("/.well-known/openid-configuration", document("application/json", configuration))
	mux.Handle("/openid/v1/jwks", document("application/jwk-set+json", jwks))
	return nil
}
