package component

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	coordination "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
)

// holder is who has the lease, "" for nobody.
func holder(t *testing.T, client *fake.Clientset) string {
	t.Helper()
	lease, err := client.CoordinationV1().Leases("kube-system").Get(context.Background(), "test", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if lease.Spec.HolderIdentity == nil {
		return ""
	}
	return *lease.Spec.HolderIdentity
}

// TestElectionEnds: the lease is kept until the work has ended, and released then.
func TestElectionEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := fake.NewClientset()
		e := NewElection("test")
		ctx, cancel := context.WithCancel(context.Background())
		result := make(chan error, 1)
		var working atomic.Bool
		finish := make(chan struct{})
		go func() {
			result <- e.Run(ctx, client, func(ctx context.Context) error {
				working.Store(true)
				<-ctx.Done()
				<-finish
				working.Store(false)
				return nil
			})
		}()
		synctest.Wait()
		if !working.Load() || holder(t, client) == "" {
			t.Fatalf("working %v, lease held by %q", working.Load(), holder(t, client))
		}
		cancel()
		// Longer than the lease: who still works renews it.
		time.Sleep(time.Minute)
		synctest.Wait()
		lease, err := client.CoordinationV1().Leases("kube-system").Get(context.Background(), "test", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if age := time.Since(lease.Spec.RenewTime.Time); !working.Load() || age > e.LeaseDuration || *lease.Spec.HolderIdentity == "" {
			t.Errorf("working %v, lease of %q renewed %s ago", working.Load(), *lease.Spec.HolderIdentity, age)
		}
		close(finish)
		if err := <-result; err != nil || working.Load() {
			t.Errorf("ended with %v, working %v", err, working.Load())
		}
		if got := holder(t, client); got != "" {
			t.Errorf("lease still held by %q", got)
		}
	})
}

// TestElectionLost: work ends, and is waited for, when the lease cannot be renewed.
func TestElectionLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := fake.NewClientset()
		e := NewElection("test")
		var broken, ended atomic.Bool
		client.PrependReactor("update", "leases", func(clienttesting.Action) (bool, runtime.Object, error) {
			return broken.Load(), nil, errors.New("no")
		})
		result := make(chan error, 1)
		go func() {
			result <- e.Run(context.Background(), client, func(ctx context.Context) error {
				<-ctx.Done()
				time.Sleep(time.Second)
				ended.Store(true)
				return nil
			})
		}()
		synctest.Wait()
		broken.Store(true)
		if err := <-result; err == nil || !ended.Load() {
			t.Errorf("ended with %v, work ended %v", err, ended.Load())
		}
	})
}

// TestElectionWaits: who never leads ends without having worked.
func TestElectionWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := fake.NewClientset()
		other, seconds, now := "other", int32(3600), metav1.NowMicro()
		_, err := client.CoordinationV1().Leases("kube-system").Create(context.Background(), &coordination.Lease{
			ObjectMeta: metav1.ObjectMeta{Name: "test"},
			Spec:       coordination.LeaseSpec{HolderIdentity: &other, LeaseDurationSeconds: &seconds, RenewTime: &now, AcquireTime: &now},
		}, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		e := NewElection("test")
		ctx, cancel := context.WithCancel(context.Background())
		result := make(chan error, 1)
		go func() {
			result <- e.Run(ctx, client, func(context.Context) error {
				t.Error("worked without the lead")
				return nil
			})
		}()
		time.Sleep(30 * time.Second)
		cancel()
		if err := <-result; err != nil {
			t.Errorf("ended with %v", err)
		}
		if got := holder(t, client); got != other {
			t.Errorf("lease held by %q", got)
		}
	})
}
