package apiserver

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"

	"k8s.io/apiserver/pkg/server/healthz"
	"k8s.io/client-go/tools/cache"
	aggregatorapi "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
)

// completion is the health check autoregister-completion: the server is up when each version that it serves itself has once
// been available.
type completion struct {
	mu      sync.Mutex
	pending map[string]bool // API services that were not available yet
}

// addCompletion adds the check for the API services of this server.
func (s *Server) addCompletion(local []*aggregatorapi.APIService) error {
	c := &completion{pending: map[string]bool{}}
	for _, service := range local {
		c.pending[service.Name] = true
	}
	informer := s.aggregator.APIRegistrationInformers.Apiregistration().V1().APIServices().Informer()
	if _, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{AddFunc: c.look, UpdateFunc: func(_, now any) { c.look(now) }}); err != nil {
		return fmt.Errorf("watch API services: %w", err)
	}
	return s.aggregator.GenericAPIServer.AddBootSequenceHealthChecks(c)
}

func (c *completion) look(o any) {
	service, ok := o.(*aggregatorapi.APIService)
	if !ok || !slices.ContainsFunc(service.Status.Conditions, func(c aggregatorapi.APIServiceCondition) bool {
		return c.Type == aggregatorapi.Available && c.Status == aggregatorapi.ConditionTrue
	}) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.pending, service.Name)
}

func (c *completion) Name() string { return "autoregister-completion" }

// Check fails while API services are missing.
func (c *completion) Check(*http.Request) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.pending) > 0 {
		return fmt.Errorf("missing APIService: %v", slices.Sorted(maps.Keys(c.pending)))
	}
	return nil
}

var _ healthz.HealthChecker = (*completion)(nil)
