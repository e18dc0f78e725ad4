package upkeep

import (
	"context"
	"fmt"
	"path"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/registry/generic"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/apiserver/pkg/storage"
)

// Leases tell which API servers are alive: each writes one under its address, which ends by itself when it is not renewed.
// Upstream's servers read and write the same.
type Leases struct{ storage storage.Interface }

const (
	leasesKey = "/masterleases"
	// leaseTTL is how long a server counts as alive after its last renewal, which is due each leaseRenewal.
	leaseTTL     = 15 * time.Second
	leaseRenewal = 10 * time.Second
)

// NewLeases opens the storage of leases.
func NewLeases(options generic.RESTOptionsGetter) (leases *Leases, destroy func(), err error) {
	o, err := options.GetRESTOptions(corev1.Resource("apiServerIPInfo"), &corev1.Endpoints{}) //nolint:staticcheck // what is stored there
	if err != nil {
		return nil, nil, fmt.Errorf("open storage of API server leases: %w", err)
	}
	s, destroy, err := generic.NewRawStorage(o.StorageConfig, func() runtime.Object { return &corev1.Endpoints{} }, //nolint:staticcheck // what is stored there
		func() runtime.Object { return &corev1.EndpointsList{} }, leasesKey) //nolint:staticcheck // what is stored there
	if err != nil {
		return nil, nil, fmt.Errorf("open storage of API server leases: %w", err)
	}
	return &Leases{s}, destroy, nil
}

// Renew says that the server at the address is alive.
func (l *Leases) Renew(ctx context.Context, address string) error {
	err := l.storage.GuaranteedUpdate(ctx, path.Join(leasesKey, address), &corev1.Endpoints{}, true, nil, //nolint:staticcheck // what is stored there
		func(o runtime.Object, _ storage.ResponseMeta) (runtime.Object, *uint64, error) {
			lease, ok := o.(*corev1.Endpoints) //nolint:staticcheck // what is stored there
			if !ok {
				return nil, nil, fmt.Errorf("got a %T", o)
			}
			lease.Subsets = []corev1.EndpointSubset{{Addresses: []corev1.EndpointAddress{{IP: address}}}} //nolint:staticcheck // what is stored there
			lease.Generation++                                                                            // what has not changed is not written, and ends
			ttl := uint64(leaseTTL / time.Second)
			return lease, &ttl, nil
		}, nil)
	if err != nil {
		return fmt.Errorf("renew lease of API server %s: %w", address, err)
	}
	return nil
}

// Live returns the addresses of the servers that are alive, in order.
func (l *Leases) Live(ctx context.Context) ([]string, error) {
	list := &corev1.EndpointsList{} //nolint:staticcheck // what is stored there
	err := l.storage.GetList(ctx, leasesKey, storage.ListOptions{Predicate: storage.Everything, Recursive: true}, list)
	if err != nil {
		return nil, fmt.Errorf("list leases of API servers: %w", err)
	}
	var out []string
	for _, e := range list.Items {
		if len(e.Subsets) > 0 && len(e.Subsets[0].Addresses) > 0 {
			out = append(out, e.Subsets[0].Addresses[0].IP)
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// Withdraw says that the server ends.
func (l *Leases) Withdraw(ctx context.Context, address string) error {
	err := l.storage.Delete(ctx, path.Join(leasesKey, address), &corev1.Endpoints{}, nil, rest.ValidateAllObjectFunc, nil, storage.DeleteOptions{}) //nolint:staticcheck // what is stored there
	if err != nil && !storage.IsNotFound(err) {
		return fmt.Errorf("withdraw lease of API server %s: %w", address, err)
	}
	return nil
}
