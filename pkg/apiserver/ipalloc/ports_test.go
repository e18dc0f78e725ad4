package ipalloc

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/apiserver/pkg/registry/generic"
	"k8s.io/apiserver/pkg/storage/etcd3/testserver"
	"k8s.io/apiserver/pkg/storage/storagebackend"
)

// newPorts opens allocators of the ranges on one etcd.
func newPorts(t *testing.T, ranges ...string) []*Ports {
	t.Helper()
	client := testserver.RunEtcd(t, nil)
	scheme := runtime.NewScheme()
	if err := corev1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	config := storagebackend.NewDefaultConfig("/registry", serializer.NewCodecFactory(scheme).LegacyCodec(corev1.SchemeGroupVersion))
	config.Transport.ServerList = client.Endpoints()
	options := generic.RESTOptions{StorageConfig: config.ForResource(schema.GroupResource{Resource: "servicenodeportallocations"})}
	var out []*Ports
	for _, r := range ranges {
		all, err := utilnet.ParsePortRange(r)
		if err != nil {
			t.Fatal(err)
		}
		p, destroy, err := NewPorts(*all, options)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(destroy)
		out = append(out, p)
	}
	return out
}

func TestPorts(t *testing.T) {
	all := newPorts(t, "30000-30007", "30000-30007", "31000-31007")
	a, b, other := all[0], all[1], all[2] // two servers, and one with another configuration
	ctx := t.Context()
	if err := a.Take(ctx, 30003, true); err != nil {
		t.Error(err)
	}
	if err := b.Take(ctx, 30003, false); err != nil {
		t.Errorf("after a dry run: %v", err)
	}
	for _, p := range all[:2] {
		if err := p.Take(ctx, 30003, false); !errors.Is(err, ErrPortTaken) {
			t.Errorf("a port that is taken: got %v", err)
		}
		if err := p.Take(ctx, 30008, false); err == nil || !strings.Contains(err.Error(), "The range of valid ports is 30000-30007") {
			t.Errorf("a port outside: got %v", err)
		}
	}
	if err := other.Take(ctx, 31000, false); err == nil || !strings.Contains(err.Error(), "the node port range is 30000-30007 and not 31000-31007") {
		t.Errorf("another range: got %v", err)
	}
	// Everybody gets another one of the seven that are left.
	var mu sync.Mutex
	var got []int32
	var running sync.WaitGroup
	for i := range 7 {
		running.Go(func() {
			port, err := all[i%2].Any(ctx, false)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			got = append(got, port)
		})
	}
	running.Wait()
	slices.Sort(got)
	if !slices.Equal(got, []int32{30000, 30001, 30002, 30004, 30005, 30006, 30007}) {
		t.Errorf("got %v", got)
	}
	if port, err := a.Any(ctx, false); !errors.Is(err, ErrFull) {
		t.Errorf("of a full range: got %d, %v", port, err)
	}
	if err := b.Release(ctx, 30004); err != nil {
		t.Error(err)
	}
	if port, err := a.Any(ctx, true, 30004); !errors.Is(err, ErrFull) {
		t.Errorf("any but the only one: got %d, %v", port, err)
	}
	if port, err := a.Any(ctx, false); err != nil || port != 30004 {
		t.Errorf("got %d, %v", port, err)
	}
}

// TestStaticPorts checks that the low ports come last.
func TestStaticPorts(t *testing.T) {
	for size, static := range map[int]int{16: 0, 17: 16, 86: 16, 1000: 31, 2768: 86, 10000: 128} {
		p := &Ports{all: utilnet.PortRange{Base: 30000, Size: size}}
		order := slices.Collect(p.candidates())
		seen := slices.Clone(order)
		slices.Sort(seen)
		if len(slices.Compact(seen)) != size {
			t.Errorf("%d ports: got %d", size, len(seen))
		}
		for _, n := range order[size-static:] {
			if n >= static {
				t.Errorf("of %d ports, the %dth is one of the last %d", size, n, static)
			}
		}
	}
}
