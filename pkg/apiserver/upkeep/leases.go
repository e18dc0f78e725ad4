package upkeep

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"path"
	"slices"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/transport"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/registry/generic"
	"k8s.io/apiserver/pkg/server/egressselector"
	"k8s.io/apiserver/pkg/storage"
	"k8s.io/apiserver/pkg/storage/storagebackend"
	"k8s.io/apiserver/pkg/storage/value"
)

// Leases tell which API servers are alive: each has a key of its address, which goes by itself when the server has ended.
// Upstream's servers read and write the same keys. They write theirs anew every ten seconds; here a key is bound to a lease of
// etcd that is kept alive, which writes nothing.
//
// Renew and Withdraw are not for several goroutines.
type Leases struct {
	storage storage.Interface
	config  *storagebackend.ConfigForResource
	client  *clientv3.Client
	session *concurrency.Session // of this server; nil when it has none
}

const (
	leasesKey = "/masterleases"
	// leaseTTL is how long a server counts as alive after it was last heard of.
	leaseTTL = 15 * time.Second
	// leaseCheck is how often a server looks whether its key is there, and who else is alive.
	leaseCheck = 10 * time.Second
)

// NewLeases opens the storage of leases.
func NewLeases(options generic.RESTOptionsGetter) (leases *Leases, destroy func(), err error) {
	o, err := options.GetRESTOptions(corev1.Resource("apiServerIPInfo"), &corev1.Endpoints{}) //nolint:staticcheck // what is stored there
	if err != nil {
		return nil, nil, fmt.Errorf("open storage of API server leases: %w", err)
	}
	client, err := newClient(o.StorageConfig.Transport)
	if err != nil {
		return nil, nil, fmt.Errorf("open storage of API server leases: %w", err)
	}
	s, closeStorage, err := generic.NewRawStorage(o.StorageConfig, func() runtime.Object { return &corev1.Endpoints{} }, //nolint:staticcheck // what is stored there
		func() runtime.Object { return &corev1.EndpointsList{} }, leasesKey) //nolint:staticcheck // what is stored there
	if err != nil {
		return nil, nil, fmt.Errorf("open storage of API server leases: %w", errors.Join(err, client.Close()))
	}
	l := &Leases{storage: s, config: o.StorageConfig, client: client}
	return l, func() {
		_ = client.Close() // its only error is that it was closed before
		closeStorage()
	}, nil
}

// newClient reaches the etcd that the server stores its objects in, by the same way.
func newClient(to storagebackend.TransportConfig) (*clientv3.Client, error) {
	cfg := clientv3.Config{Endpoints: to.ServerList, Logger: zap.NewNop()} // errors are returned, too
	if to.CertFile != "" || to.KeyFile != "" || to.TrustedCAFile != "" {
		info := transport.TLSInfo{CertFile: to.CertFile, KeyFile: to.KeyFile, TrustedCAFile: to.TrustedCAFile}
		var err error
		if cfg.TLS, err = info.ClientConfig(); err != nil {
			return nil, err
		}
	}
	if to.EgressLookup != nil {
		dial, err := to.EgressLookup(egressselector.Etcd.AsNetworkContext())
		if err != nil {
			return nil, err
		}
		if dial != nil {
			cfg.DialOptions = []grpc.DialOption{grpc.WithContextDialer(func(ctx context.Context, address string) (net.Conn, error) {
				if u, err := url.Parse(address); err == nil && u.Host != "" {
					address = u.Host
				}
				return dial(ctx, "tcp", address)
			})}
		}
	}
	return clientv3.New(cfg)
}

// Renew says that the server at the address is alive. That is so until Withdraw, or until etcd has not heard of the server for
// a while; calling it again puts right what was lost.
func (l *Leases) Renew(ctx context.Context, address string) error {
	if err := l.keepAlive(ctx); err != nil {
		return fmt.Errorf("renew lease of API server %s: %w", address, err)
	}
	key := path.Join("/", l.config.Prefix, leasesKey, address)
	got, err := l.client.Get(ctx, key, clientv3.WithKeysOnly())
	if err == nil && (len(got.Kvs) == 0 || clientv3.LeaseID(got.Kvs[0].Lease) != l.session.Lease()) {
		err = l.write(ctx, key, address)
	}
	if err != nil {
		return fmt.Errorf("renew lease of API server %s: %w", address, err)
	}
	return nil
}

// keepAlive returns when there is a lease that is kept alive.
func (l *Leases) keepAlive(ctx context.Context) error {
	if l.session != nil {
		select {
		case <-l.session.Done(): // etcd was away for too long
		default:
			return nil
		}
	}
	lease, err := l.client.Grant(ctx, int64(leaseTTL/time.Second))
	if err != nil {
		return err
	}
	l.session, err = concurrency.NewSession(l.client, concurrency.WithLease(lease.ID))
	return err
}

// write stores the key as storage would, bound to the lease.
func (l *Leases) write(ctx context.Context, key, address string) error {
	data, err := runtime.Encode(l.config.Codec, &corev1.Endpoints{ //nolint:staticcheck // what is stored there
		ObjectMeta: metav1.ObjectMeta{Generation: 1},
		Subsets:    []corev1.EndpointSubset{{Addresses: []corev1.EndpointAddress{{IP: address}}}}, //nolint:staticcheck // what is stored there
	})
	if err != nil {
		return err
	}
	if l.config.Transformer != nil {
		if data, err = l.config.Transformer.TransformToStorage(ctx, data, value.DefaultContext(key)); err != nil {
			return err
		}
	}
	_, err = l.client.Put(ctx, key, string(data), clientv3.WithLease(l.session.Lease()))
	return err
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

// Withdraw says that this server ends.
func (l *Leases) Withdraw(ctx context.Context) error {
	if l.session == nil {
		return nil
	}
	l.session.Orphan()
	if _, err := l.client.Revoke(ctx, l.session.Lease()); err != nil {
		return fmt.Errorf("withdraw lease of this API server: %w", err)
	}
	l.session = nil
	return nil
}
