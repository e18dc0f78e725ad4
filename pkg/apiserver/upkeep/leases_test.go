package upkeep

import (
	"context"
	"slices"
	"testing"
	"time"

	"k8s.io/apiserver/pkg/registry/generic"
)

// openLeases are those of one server.
func openLeases(t *testing.T, options generic.RESTOptions) (leases *Leases, destroy func()) {
	t.Helper()
	leases, destroy, err := NewLeases(options)
	if err != nil {
		t.Fatal(err)
	}
	return leases, destroy
}

// TestLeases lets two servers come and go: one that says so, and one that does not.
func TestLeases(t *testing.T) {
	options := storageOptions(t)
	watcher, destroy := openLeases(t, options)
	t.Cleanup(destroy)
	live := func(want ...string) {
		t.Helper()
		got, err := watcher.Live(t.Context())
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("live: got %v, %v, want %v", got, err, want)
		}
	}
	live()
	orderly, destroyOrderly := openLeases(t, options)
	t.Cleanup(destroyOrderly)
	killed, kill := openLeases(t, options)
	for range 2 {
		renew(t, orderly, "192.0.2.2")
		renew(t, killed, "192.0.2.1")
	}
	live("192.0.2.1", "192.0.2.2")

	for range 2 {
		if err := orderly.Withdraw(t.Context()); err != nil {
			t.Error(err)
		}
	}
	live("192.0.2.1")
	kill()
	for ctx, cancel := context.WithTimeout(t.Context(), 3*leaseTTL); ; time.Sleep(100 * time.Millisecond) {
		if got, err := watcher.Live(ctx); err != nil {
			t.Fatal(err)
		} else if len(got) == 0 {
			cancel()
			break
		}
	}
}

// TestLeasesWriteNothing renews over and over: etcd has one write of it, and one more when the key was taken away.
func TestLeasesWriteNothing(t *testing.T) {
	leases, destroy := openLeases(t, storageOptions(t))
	t.Cleanup(destroy)
	renew(t, leases, "192.0.2.1")
	before := revision(t, leases)
	for range 3 {
		renew(t, leases, "192.0.2.1")
	}
	if got := revision(t, leases); got != before {
		t.Errorf("the revision went from %d to %d without need", before, got)
	}
	if _, err := leases.client.Delete(t.Context(), "/registry/masterleases/192.0.2.1"); err != nil {
		t.Fatal(err)
	}
	renew(t, leases, "192.0.2.1")
	if _, err := leases.client.Revoke(t.Context(), leases.session.Lease()); err != nil { // as if etcd had been away for too long
		t.Fatal(err)
	}
	select {
	case <-leases.session.Done():
	case <-time.After(2 * leaseTTL):
		t.Fatal("the loss of the lease was not noticed")
	}
	renew(t, leases, "192.0.2.1")
	if got, err := leases.Live(t.Context()); err != nil || !slices.Equal(got, []string{"192.0.2.1"}) {
		t.Errorf("live: got %v, %v", got, err)
	}
}

func renew(t *testing.T, leases *Leases, address string) {
	t.Helper()
	if err := leases.Renew(t.Context(), address); err != nil {
		t.Fatal(err)
	}
}

func revision(t *testing.T, leases *Leases) int64 {
	t.Helper()
	got, err := leases.client.Get(t.Context(), "/registry/none")
	if err != nil {
		t.Fatal(err)
	}
	return got.Header.Revision
}
