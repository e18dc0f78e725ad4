package control

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

const (
	// firstRetry and longestRetry bound the pause after a failed reconciliation; it doubles with each failure in a row.
	firstRetry   = 5 * time.Millisecond
	longestRetry = 100 * time.Second
	// syncTimeout is how long a source may take to show its first objects. A server that is not there yet is no
	// reason to give up, so it is practically for ever; the context ends it.
	syncTimeout = 10 * 365 * 24 * time.Hour
)

// Spec describes a Loop.
type Spec struct {
	// Name is the controller's name, for logs and metrics.
	Name string
	// Workers is how many keys are reconciled at the same time; 0 means 1.
	Workers int
	// Reconcile brings one key from what is to what should be. It never runs twice at once for the same key.
	Reconcile func(context.Context, Key) (Result, error)
	// Watches wake keys.
	Watches []source.Source
	// Reads are informers that Reconcile looks into and that wake nothing.
	Reads []cache.SharedIndexInformer
	// Writes are the kinds whose writes by Reconcile must be seen before a key is reconciled again.
	Writes []Written
}

// Loop is one queue with its workers. It runs once.
type Loop struct {
	spec   Spec
	ledger *ledger
}

// NewLoop makes a Loop. Nothing runs and no handler is added before Run.
func NewLoop(spec Spec) *Loop {
	return &Loop{spec: spec, ledger: newLedger(spec.Writes)}
}

// Run waits for the informers, reconciles until ctx ends, and returns after the last worker has ended.
func (l *Loop) Run(ctx context.Context) error {
	logger := klog.FromContext(ctx).WithValues("controller", l.spec.Name)
	limiter := workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](firstRetry, longestRetry)
	skip := true // names are unique within a cluster, and many clusters live in one process
	c, err := controller.NewUnmanaged(l.spec.Name, controller.Options{
		SkipNameValidation:      &skip,
		MaxConcurrentReconciles: max(l.spec.Workers, 1),
		CacheSyncTimeout:        syncTimeout,
		RateLimiter:             limiter,
		Logger:                  logger.V(2),
		NewQueue:                queueFrom(ctx),
		Reconciler: &gate{
			reconcile: l.spec.Reconcile,
			ledger:    l.ledger,
			logger:    logger,
			conflicts: workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](firstRetry, longestRetry),
		},
	})
	if err != nil {
		return fmt.Errorf("make controller %q: %w", l.spec.Name, err)
	}
	for _, s := range l.sources() {
		if err := c.Watch(s); err != nil {
			return fmt.Errorf("watch for controller %q: %w", l.spec.Name, err)
		}
	}
	l.ledger.start(logger)
	defer l.ledger.stop()
	if err := c.Start(ctx); err != nil && ctx.Err() == nil {
		return fmt.Errorf("run controller %q: %w", l.spec.Name, err)
	}
	return nil
}

// sources are the declared watches, after those by which the ledger learns what has been shown.
func (l *Loop) sources() []source.Source {
	all := l.ledger.sources()
	for _, informer := range l.spec.Reads {
		all = append(all, reads{informer})
	}
	return append(all, l.spec.Watches...)
}

// NewQueue makes the queue of a loop, given the controller's name and how long failed keys wait.
type NewQueue func(name string, limiter workqueue.TypedRateLimiter[reconcile.Request]) workqueue.TypedRateLimitingInterface[reconcile.Request]

type queueKey struct{}

// WithQueue makes loops that run with the context use other queues than client-go's, for whoever decides itself when keys
// are reconciled, as tests do that must always take the same course.
func WithQueue(ctx context.Context, make NewQueue) context.Context {
	return context.WithValue(ctx, queueKey{}, make)
}

func queueFrom(ctx context.Context) NewQueue {
	if make, ok := ctx.Value(queueKey{}).(NewQueue); ok {
		return make
	}
	return newQueue
}

// newQueue makes client-go's queue. A queue with a name would run a goroutine twice a second for its metrics.
func newQueue(_ string, limiter workqueue.TypedRateLimiter[reconcile.Request]) queue {
	return workqueue.NewTypedRateLimitingQueueWithConfig(limiter, workqueue.TypedRateLimitingQueueConfig[reconcile.Request]{})
}

// gate stands before the reconciler: it holds keys back whose writes have not been seen, and sorts errors.
type gate struct {
	reconcile func(context.Context, Key) (Result, error)
	ledger    *ledger
	logger    klog.Logger
	conflicts workqueue.TypedRateLimiter[reconcile.Request]
}

// Reconcile implements reconcile.Reconciler.
func (g *gate) Reconcile(ctx context.Context, key Key) (Result, error) {
	if g.ledger.mustWait(key, time.Now()) {
		return Result{}, nil
	}
	logger := g.logger.WithValues("key", key.String())
	result, err := g.reconcile(klog.NewContext(withAttempt(ctx, g.ledger, key), logger), key)
	switch {
	case err == nil:
		g.conflicts.Forget(key)
		return result, nil
	case expected(err):
		// Somebody else was quicker, or the namespace goes away: the cache will tell, mostly before the pause is over.
		logger.V(4).Info("Retrying", "reason", err)
		return Result{RequeueAfter: g.conflicts.When(key)}, nil
	default:
		return result, err
	}
}

// expected says whether err belongs to ordinary life with other writers, so that it needs no place in the log.
func expected(err error) bool {
	if joined, ok := errors.AsType[interface {
		error
		Unwrap() []error
	}](err); ok {
		for _, one := range joined.Unwrap() {
			if !expected(one) {
				return false
			}
		}
		return true
	}
	return apierrors.IsConflict(err) || IsNamespaceEnding(err)
}
