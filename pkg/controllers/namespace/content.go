package namespace

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/metadata"
)

// inParallel is how many kinds of one namespace are handled at the same time.
const inParallel = 16

// resource is a kind of content.
type resource struct {
	schema.GroupVersionResource
	// collection says whether all of a namespace can be deleted with one request.
	collection bool
}

// content reaches everything in namespaces.
type content struct {
	discovery discovery.DiscoveryInterface
	metadata  metadata.Interface
}

// discover lists the namespaced kinds that can be deleted, and the groups that did not answer.
func (c content) discover() ([]resource, map[schema.GroupVersion]error, error) {
	lists, err := discovery.ServerPreferredNamespacedResources(c.discovery)
	failed := map[schema.GroupVersion]error{}
	if err != nil {
		if groups, ok := discovery.GroupDiscoveryFailedErrorGroups(err); ok {
			failed = groups
		} else {
			return nil, nil, fmt.Errorf("discover resources: %w", err)
		}
	}
	var all []resource
	for _, list := range lists {
		gv, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			failed[schema.GroupVersion{Group: list.GroupVersion}] = err
			continue
		}
		for _, one := range list.APIResources {
			if slices.Contains(one.Verbs, "list") && slices.Contains(one.Verbs, "delete") {
				all = append(all, resource{gv.WithResource(one.Name), slices.Contains(one.Verbs, "deletecollection")})
			}
		}
	}
	slices.SortFunc(all, func(a, b resource) int { return strings.Compare(a.String(), b.String()) }) // the library's order is an accident
	return all, failed, nil
}

// empty deletes the content of a namespace as far as it can be deleted now, and tells what it found. Those left over
// are returned by kind.
func (c content) empty(ctx context.Context, namespace string) (pass, map[schema.GroupVersionResource]*metav1.PartialObjectMetadataList, error) {
	all, undiscovered, err := c.discover()
	if err != nil {
		return pass{}, nil, err
	}
	p := pass{undiscovered: undiscovered, left: map[schema.GroupVersionResource]int{}, finalizers: map[string]int{}}
	leftovers := map[schema.GroupVersionResource]*metav1.PartialObjectMetadataList{}
	pods := slices.IndexFunc(all, func(r resource) bool { return r.Group == "" && r.Resource == "pods" })
	if pods >= 0 {
		c.emptyAll(ctx, namespace, all[pods:pods+1], &p, leftovers)
		if len(p.left)+len(p.failed) > 0 {
			return p, leftovers, nil // the rest goes when the pods have ended
		}
		all = slices.Delete(all, pods, pods+1)
	}
	c.emptyAll(ctx, namespace, all, &p, leftovers)
	return p, leftovers, nil
}

// emptyAll empties kinds side by side.
func (c content) emptyAll(ctx context.Context, namespace string, kinds []resource, p *pass, leftovers map[schema.GroupVersionResource]*metav1.PartialObjectMetadataList) {
	var wg sync.WaitGroup
	var mu sync.Mutex // guards p and leftovers
	places := make(chan struct{}, inParallel)
	for _, kind := range kinds {
		places <- struct{}{}
		wg.Go(func() {
			defer func() { <-places }()
			found, left, err := c.emptyKind(ctx, namespace, kind)
			mu.Lock()
			defer mu.Unlock()
			p.found = p.found || found
			if err != nil {
				p.failed = append(p.failed, err)
			}
			if left == nil || len(left.Items) == 0 {
				return
			}
			p.left[kind.GroupVersionResource] = len(left.Items)
			leftovers[kind.GroupVersionResource] = left
			for _, item := range left.Items {
				for _, finalizer := range item.Finalizers {
					p.finalizers[finalizer]++
				}
			}
		})
	}
	wg.Wait()
}

// emptyKind deletes the objects of one kind, if there are any.
func (c content) emptyKind(ctx context.Context, namespace string, kind resource) (found bool, left *metav1.PartialObjectMetadataList, err error) {
	client := c.metadata.Resource(kind.GroupVersionResource).Namespace(namespace)
	left, err = client.List(ctx, metav1.ListOptions{})
	if apierrors.IsNotFound(err) || apierrors.IsMethodNotSupported(err) {
		return false, nil, nil // the kind has gone since it was discovered
	}
	if err != nil {
		return false, nil, fmt.Errorf("list %s: %w", kind.GroupResource(), err)
	}
	fresh := slices.ContainsFunc(left.Items, func(item metav1.PartialObjectMetadata) bool { return item.DeletionTimestamp == nil })
	if !fresh {
		return len(left.Items) > 0, left, nil
	}
	if err := c.deleteAll(ctx, client, kind, left); err != nil {
		return true, left, fmt.Errorf("delete %s: %w", kind.GroupResource(), err)
	}
	left, err = client.List(ctx, metav1.ListOptions{})
	if err != nil {
		return true, nil, fmt.Errorf("list %s: %w", kind.GroupResource(), err)
	}
	return true, left, nil
}

// deleteAll deletes with one request where the kind has that, else one by one.
func (c content) deleteAll(ctx context.Context, client metadata.ResourceInterface, kind resource, items *metav1.PartialObjectMetadataList) error {
	background := metav1.DeletePropagationBackground
	options := metav1.DeleteOptions{PropagationPolicy: &background}
	if kind.collection {
		err := client.DeleteCollection(ctx, options, metav1.ListOptions{})
		if !apierrors.IsMethodNotSupported(err) {
			return err
		}
	}
	for _, item := range items.Items {
		if err := client.Delete(ctx, item.Name, options); err != nil && !apierrors.IsNotFound(err) {
			return err
		}
	}
	return nil
}
