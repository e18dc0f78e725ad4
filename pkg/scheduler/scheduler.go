package scheduler

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	clientscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/events"
	"k8s.io/klog/v2"
	configv1 "k8s.io/kube-scheduler/config/v1"
	"k8s.io/kube-scheduler/framework"

	schedulercache "github.com/proa-sh/proa/pkg/scheduler/cache"
	"github.com/proa-sh/proa/pkg/scheduler/config"
	"github.com/proa-sh/proa/pkg/scheduler/plugins"
	"github.com/proa-sh/proa/pkg/scheduler/profile"
	"github.com/proa-sh/proa/pkg/scheduler/queue"
)

// maxBindings bounds how many pods are being bound at a time. Cycles wait when it is reached.
const maxBindings = 128

// defaultMaxUnschedulable is after how long a pod is tried again without an event.
const defaultMaxUnschedulable = 5 * time.Minute

// Config is what a scheduler is made of.
type Config struct {
	// Informers are shared with others. Whoever owns them starts them, after New.
	Informers informers.SharedInformerFactory
	// Client has the scheduler's identity.
	Client kubernetes.Interface
	// EventClient writes events; Client does when it is nil.
	EventClient kubernetes.Interface
	// Configuration is defaulted (config.New, config.Load); nil means the defaults.
	Configuration *configv1.KubeSchedulerConfiguration
	// MaxUnschedulable is after how long an unschedulable pod is tried again though no event helped it; 0 means 5
	// minutes.
	MaxUnschedulable time.Duration
	// Factories are plugins beside the built-in ones, by name.
	Factories map[string]profile.Factory
}

// Scheduler gives pods nodes.
type Scheduler struct {
	client      kubernetes.Interface
	broadcaster events.EventBroadcaster
	cache       *schedulercache.Cache
	queue       *queue.Queue
	nominator   *queue.Nominator
	waiting     *profile.Waiting
	profiles    map[string]*profile.Profile
	recorders   map[string]events.EventRecorderLogger
	hints       map[string]queue.Hints // by profile
	synced      []cache.DoneChecker
	isSynced    atomic.Bool
	// handling is the context of informer handlers; set before they are called.
	handling context.Context
	// gated takes pods whose condition must say that they are gated.
	gated chan gatedPod

	// bindings are slots, one for each pod being bound; workers counts all goroutines that Run must wait for.
	bindings chan struct{}
	workers  sync.WaitGroup

	// snapshot belongs to the goroutine that runs cycles.
	snapshot *schedulercache.Snapshot
}

// New makes a scheduler and registers what it needs with the informers.
func New(cfg Config) (*Scheduler, error) {
	if cfg.Configuration == nil {
		cfg.Configuration = config.New()
	}
	if faults := config.Validate(cfg.Configuration); len(faults) > 0 {
		return nil, fmt.Errorf("check scheduler configuration: %w", faults.ToAggregate())
	}
	eventClient := cfg.EventClient
	if eventClient == nil {
		eventClient = cfg.Client
	}
	s := &Scheduler{
		client:      cfg.Client,
		broadcaster: events.NewBroadcaster(&events.EventSinkImpl{Interface: eventClient.EventsV1()}),
		cache:       schedulercache.New(),
		nominator:   queue.NewNominator(),
		waiting:     profile.NewWaiting(),
		profiles:    map[string]*profile.Profile{},
		recorders:   map[string]events.EventRecorderLogger{},
		handling:    context.Background(),
		gated:       make(chan gatedPod, 1024),
		bindings:    make(chan struct{}, maxBindings),
		snapshot:    schedulercache.NewSnapshot(),
	}
	if err := s.makeProfiles(cfg); err != nil {
		return nil, err
	}
	if err := s.makeQueue(cfg); err != nil {
		return nil, err
	}
	return s, s.watch(cfg.Informers)
}

func (s *Scheduler) makeProfiles(cfg Config) error {
	factories := plugins.Factories()
	for name, factory := range cfg.Factories {
		factories[name] = factory
	}
	for i := range cfg.Configuration.Profiles {
		p := &cfg.Configuration.Profiles[i]
		name := *p.SchedulerName
		percentage := p.PercentageOfNodesToScore
		if percentage == nil {
			percentage = cfg.Configuration.PercentageOfNodesToScore
		}
		s.recorders[name] = s.broadcaster.NewRecorder(clientscheme.Scheme, name)
		made, err := profile.New(s.handling, profile.Config{
			Name:                     name,
			Settings:                 config.NewSettings(plugins.Defaults(), p.Plugins),
			Args:                     func(plugin string) (runtime.Object, error) { return config.Args(p, plugin) },
			Factories:                factories,
			Parallelism:              int(*cfg.Configuration.Parallelism),
			PercentageOfNodesToScore: *percentage,
			Snapshot:                 s.snapshot,
			Nominator:                s.nominator,
			Waiting:                  s.waiting,
			Client:                   cfg.Client,
			Informers:                cfg.Informers,
			Recorder:                 s.recorders[name],
			Activate:                 func(ctx context.Context, pods map[string]*v1.Pod) { s.queue.Activate(ctx, pods) },
		})
		if err != nil {
			return err
		}
		s.profiles[name] = made
	}
	return nil
}

func (s *Scheduler) makeQueue(cfg Config) error {
	hints := map[string]queue.Hints{}
	var less framework.LessFunc
	for name, p := range s.profiles {
		h, err := p.Hints(s.handling)
		if err != nil {
			return err
		}
		hints[name] = h
		less = p.Less
	}
	maxUnschedulable := cfg.MaxUnschedulable
	if maxUnschedulable == 0 {
		maxUnschedulable = defaultMaxUnschedulable
	}
	s.hints = hints
	s.queue = queue.New(queue.Config{
		Less:             less,
		PreEnqueue:       s.preEnqueue,
		Hints:            hints,
		InitialBackoff:   time.Duration(*cfg.Configuration.PodInitialBackoffSeconds) * time.Second,
		MaxBackoff:       time.Duration(*cfg.Configuration.PodMaxBackoffSeconds) * time.Second,
		MaxUnschedulable: maxUnschedulable,
	})
	return nil
}

func (s *Scheduler) preEnqueue(ctx context.Context, pod *v1.Pod) *framework.Status {
	if p, ok := s.profiles[pod.Spec.SchedulerName]; ok {
		return p.RunPreEnqueuePlugins(ctx, pod)
	}
	return nil
}

// Run gives pods nodes until ctx ends. It returns when all that it started has ended.
func (s *Scheduler) Run(ctx context.Context) error {
	logger := klog.FromContext(ctx)
	defer s.broadcaster.Shutdown()
	if err := s.broadcaster.StartRecordingToSinkWithContext(ctx); err != nil {
		return fmt.Errorf("start recording events: %w", err)
	}
	if !cache.WaitFor(ctx, "", s.synced...) {
		return nil
	}
	s.isSynced.Store(true)
	logger.Info("Scheduling pods", "profiles", len(s.profiles))

	var queueErr error
	s.workers.Go(func() { queueErr = s.queue.Run(ctx) })
	s.workers.Go(func() { s.reportGated(ctx) })
	s.runCycles(ctx)
	// Bindings that are under way when ctx ends fail by it.
	s.workers.Wait()
	return queueErr
}

// Healthy is an error while the scheduler cannot work.
func (s *Scheduler) Healthy() error {
	if !s.isSynced.Load() {
		return errors.New("informers have not synced yet")
	}
	return nil
}
