package server

import (
	"fmt"
	"net/http"

	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/klog/v2"
)

// guard lets a request through to its route when its caller is known and may call it.
func (s *Server) guard(r route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		logger := klog.FromContext(req.Context())
		caller, ok, err := s.cfg.Authenticator.AuthenticateRequest(req)
		if err != nil {
			logger.V(2).Info("Request is not authenticated", "err", err, "path", req.URL.Path)
		}
		if err != nil || !ok {
			http.Error(w, "Unauthorized", http.StatusUnauthorized)
			return
		}
		verb := r.verb
		if verb == "" {
			verb = verbOf(req.Method)
		}
		allowed, err := s.allowed(req, caller.User, verb, r.subresources)
		if err != nil {
			logger.Error(err, "Authorisation failed", "user", caller.User.GetName(), "verb", verb, "path", req.URL.Path)
			http.Error(w, fmt.Sprintf("Authorization error (user=%s, verb=%s, resource=nodes, subresource(s)=%v)", caller.User.GetName(), verb, r.subresources),
				http.StatusInternalServerError)
			return
		}
		if !allowed {
			logger.V(2).Info("Request is forbidden", "user", caller.User.GetName(), "verb", verb, "path", req.URL.Path)
			http.Error(w, fmt.Sprintf("Forbidden (user=%s, verb=%s, resource=nodes, subresource(s)=%v)", caller.User.GetName(), verb, r.subresources),
				http.StatusForbidden)
			return
		}
		r.handler(w, req)
	})
}

// allowed says whether the caller may use one of the subresources; an error only counts when none is allowed.
func (s *Server) allowed(req *http.Request, caller user.Info, verb string, subresources []string) (bool, error) {
	var failure error
	for _, subresource := range subresources {
		decision, _, err := s.cfg.Authorizer.Authorize(req.Context(), authorizer.AttributesRecord{
			User: caller, Verb: verb, APIVersion: "v1", Resource: "nodes", Subresource: subresource, Name: s.cfg.NodeName,
			ResourceRequest: true, Path: req.URL.Path,
		})
		if decision == authorizer.DecisionAllow {
			return true, nil
		}
		if err != nil {
			failure = err
		}
	}
	return false, failure
}
