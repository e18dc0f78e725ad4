package garbagecollector

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
)

// kinds is what discovery tells.
type kinds struct {
	// collected are the kinds of the resources whose objects can be listed, watched and deleted, in one version each.
	collected map[schema.GroupVersionResource]schema.GroupKind
	// resources and namespaced are by kind, for all versions, as owner references name them.
	resources  map[schema.GroupVersionKind]schema.GroupVersionResource
	namespaced map[schema.GroupVersionResource]bool
}

// ignored are resources without owners that come and go in large numbers.
func ignored(resource schema.GroupResource) bool {
	return resource.Resource == "events" && (resource.Group == "" || resource.Group == "events.k8s.io")
}

// discover asks the server. partial says that some groups did not answer.
func discover(client discovery.DiscoveryInterface) (found kinds, partial bool, err error) {
	groups, lists, err := client.ServerGroupsAndResources()
	if err != nil && !discovery.IsGroupDiscoveryFailedError(err) {
		return kinds{}, false, fmt.Errorf("discover resources: %w", err)
	}
	partial = err != nil
	found = kinds{
		collected:  map[schema.GroupVersionResource]schema.GroupKind{},
		resources:  map[schema.GroupVersionKind]schema.GroupVersionResource{},
		namespaced: map[schema.GroupVersionResource]bool{},
	}
	best := map[schema.GroupResource]schema.GroupVersionResource{}
	names := map[schema.GroupVersionResource]schema.GroupKind{}
	for _, list := range lists {
		gv, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			return kinds{}, false, fmt.Errorf("read discovery: %w", err)
		}
		for _, one := range list.APIResources {
			resource := gv.WithResource(one.Name)
			if strings.Contains(one.Name, "/") {
				continue // a subresource
			}
			found.resources[gv.WithKind(one.Kind)] = resource
			found.namespaced[resource] = one.Namespaced
			names[resource] = schema.GroupKind{Group: gv.Group, Kind: one.Kind}
			if collectable(one) && !ignored(resource.GroupResource()) {
				prefer(best, resource, groups)
			}
		}
	}
	for _, resource := range best {
		found.collected[resource] = names[resource]
	}
	return found, partial, nil
}

func collectable(one metav1.APIResource) bool {
	for _, verb := range []string{"list", "watch", "delete"} {
		if !slices.Contains(one.Verbs, verb) {
			return false
		}
	}
	return true
}

// prefer keeps the group's preferred version of a resource, or the first version that has it.
func prefer(best map[schema.GroupResource]schema.GroupVersionResource, resource schema.GroupVersionResource, groups []*metav1.APIGroup) {
	if _, found := best[resource.GroupResource()]; !found {
		best[resource.GroupResource()] = resource
		return
	}
	for _, group := range groups {
		if group.Name == resource.Group && group.PreferredVersion.Version == resource.Version {
			best[resource.GroupResource()] = resource
		}
	}
}
