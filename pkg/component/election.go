package component

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/pflag"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/klog/v2"
)

// Election says how one of several instances is chosen to be active.
type Election struct {
	Enabled                             bool
	LeaseDuration, RenewDeadline, Retry time.Duration
	Namespace, Name                     string // of the Lease
	Lock                                string // the kind of object that is the lock: leases
}

// NewElection returns upstream's defaults for the Lease of that name.
func NewElection(name string) Election {
	return Election{Enabled: true, LeaseDuration: 15 * time.Second, RenewDeadline: 10 * time.Second, Retry: 2 * time.Second, Namespace: "kube-system", Name: name, Lock: leases}
}

// leases is the only kind of lock.
const leases = "leases"

// AddFlags adds the flags --leader-elect and its details.
func (e *Election) AddFlags(fs *pflag.FlagSet) {
	fs.BoolVar(&e.Enabled, "leader-elect", e.Enabled, "Start a leader election client and gain leadership before executing the main loop. Enable this when running replicated components for high availability.")
	fs.DurationVar(&e.LeaseDuration, "leader-elect-lease-duration", e.LeaseDuration, "The duration that non-leader candidates will wait after observing a leadership renewal until attempting to acquire leadership.")
	fs.DurationVar(&e.RenewDeadline, "leader-elect-renew-deadline", e.RenewDeadline, "The interval between attempts by the acting leader to renew its leadership before it stops leading. This must be less than the lease duration.")
	fs.DurationVar(&e.Retry, "leader-elect-retry-period", e.Retry, "The duration the clients should wait between attempting acquisition and renewal of leadership.")
	fs.StringVar(&e.Name, "leader-elect-resource-name", e.Name, "The name of the Lease that is used for locking during leader election.")
	fs.StringVar(&e.Lock, "leader-elect-resource-lock", e.Lock, "The type of resource object that is used for locking during leader election: leases.")
	fs.StringVar(&e.Namespace, "leader-elect-resource-namespace", e.Namespace, "The namespace of the Lease that is used for locking during leader election.")
}

// Validate returns every fault.
func (e *Election) Validate() []error {
	if !e.Enabled {
		return nil
	}
	var errs []error
	if e.LeaseDuration <= e.RenewDeadline {
		errs = append(errs, fmt.Errorf("leader-elect-lease-duration (%s) must be greater than leader-elect-renew-deadline (%s)", e.LeaseDuration, e.RenewDeadline))
	}
	if float64(e.RenewDeadline) <= leaderelection.JitterFactor*float64(e.Retry) {
		errs = append(errs, fmt.Errorf("leader-elect-renew-deadline (%s) must be greater than %.1f times leader-elect-retry-period (%s)", e.RenewDeadline, leaderelection.JitterFactor, e.Retry))
	}
	if e.Lock != leases {
		errs = append(errs, fmt.Errorf("leader-elect-resource-lock %q is not supported: it must be %q", e.Lock, leases))
	}
	if e.Name == "" || e.Namespace == "" {
		errs = append(errs, fmt.Errorf("leader-elect-resource-name and leader-elect-resource-namespace must be given"))
	}
	return errs
}

// Run calls run while this instance leads, or at once if there is no election, and returns after run has. The Lease is
// released only then, so that the next leader never works beside this one. Losing the lead is an error: the process must
// end, for its state is that of a leader.
func (e *Election) Run(ctx context.Context, client kubernetes.Interface, run func(context.Context) error) error {
	if !e.Enabled {
		return run(ctx)
	}
	acquired := make(chan context.Context, 1)
	elector, err := e.elector(client, acquired)
	if err != nil {
		return err
	}
	// The election outlives ctx until run has ended.
	electing, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		elector.Run(electing)
	}()
	defer func() {
		stop()
		<-ended
		klog.FromContext(ctx).V(2).Info("Left the leader election", "lease", klog.KRef(e.Namespace, e.Name))
	}()
	lost := fmt.Errorf("leader election lost: another instance may hold lease %s/%s", e.Namespace, e.Name)
	select {
	case <-ctx.Done():
		return nil
	case <-ended:
		return lost
	case leading := <-acquired:
		work, cancel := context.WithCancel(leading)
		defer cancel()
		defer context.AfterFunc(ctx, cancel)()
		if err := run(work); err != nil {
			return err
		}
		if leading.Err() != nil {
			return lost
		}
		return nil
	}
}

// elector takes part in the election; acquired receives the context that ends with the lead.
func (e *Election) elector(client kubernetes.Interface, acquired chan<- context.Context) (*leaderelection.LeaderElector, error) {
	host, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("name candidate for leader election: %w", err)
	}
	identity := host + "_" + uuid.NewString()
	lock := &resourcelock.LeaseLock{Client: client.CoordinationV1(), LockConfig: resourcelock.ResourceLockConfig{Identity: identity}}
	lock.LeaseMeta.Namespace, lock.LeaseMeta.Name = e.Namespace, e.Name
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock: lock, Name: e.Name, LeaseDuration: e.LeaseDuration, RenewDeadline: e.RenewDeadline, RetryPeriod: e.Retry, ReleaseOnCancel: true,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(leading context.Context) { acquired <- leading },
			OnStoppedLeading: func() {}, // the context tells
		},
	})
	if err != nil {
		return nil, fmt.Errorf("take part in leader election: %w", err)
	}
	return elector, nil
}
