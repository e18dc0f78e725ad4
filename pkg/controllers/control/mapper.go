package control

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/restmapper"
)

// DiscoverAgain is how long the mappers of controllers believe a discovery in which they do not find a kind.
const DiscoverAgain = 10 * time.Second

// NewMapper returns a mapper that discovers kinds when it is first asked, and again when it does not find one and the last
// discovery is older than age: the kind may have been installed since. It is safe for concurrent use.
func NewMapper(d discovery.DiscoveryInterface, age time.Duration) meta.ResettableRESTMapper {
	return restmapper.NewDeferredDiscoveryRESTMapper(&aging{CachedDiscoveryInterface: memory.NewMemCacheClient(d), age: age})
}

// aging is a cache of discovery that is fresh for some time only.
type aging struct {
	discovery.CachedDiscoveryInterface
	age time.Duration

	mu         sync.Mutex
	discovered time.Time // guarded by mu; when the mapper last read all
}

// ServerGroupsAndResources implements discovery.DiscoveryInterface.
func (a *aging) ServerGroupsAndResources() ([]*metav1.APIGroup, []*metav1.APIResourceList, error) {
	groups, resources, err := a.CachedDiscoveryInterface.ServerGroupsAndResources()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.discovered = time.Now() // after the answer, however long it took: one question discovers at most twice
	return groups, resources, err
}

// Fresh implements discovery.CachedDiscoveryInterface.
func (a *aging) Fresh() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return time.Since(a.discovered) < a.age
}
