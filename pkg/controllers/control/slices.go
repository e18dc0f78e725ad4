package control

import (
	"fmt"

	discovery "k8s.io/api/discovery/v1"
	"k8s.io/client-go/tools/cache"
)

// byService is the name of the index of EndpointSlices by their service.
const byService = "proa.sh/service"

// IndexSlicesByService makes the informer of EndpointSlices keep them by their service.
func IndexSlicesByService(informer cache.SharedIndexInformer) error {
	return AddIndex(informer, byService, func(item any) ([]string, error) {
		slice, ok := item.(*discovery.EndpointSlice)
		if !ok {
			return nil, fmt.Errorf("index slice by service: found %T", item)
		}
		if name := slice.Labels[discovery.LabelServiceName]; name != "" {
			return []string{slice.Namespace + "/" + name}, nil
		}
		return nil, nil
	})
}

// SlicesOf returns the slices of a service that one controller manages. The informer must have been given to
// IndexSlicesByService.
func SlicesOf(informer cache.SharedIndexInformer, service Key, managedBy string) ([]*discovery.EndpointSlice, error) {
	all, err := ByIndex[discovery.EndpointSlice](informer, byService, service.String())
	if err != nil {
		return nil, err
	}
	var managed []*discovery.EndpointSlice
	for _, slice := range all {
		if slice.Labels[discovery.LabelManagedBy] == managedBy {
			managed = append(managed, slice)
		}
	}
	return managed, nil
}
