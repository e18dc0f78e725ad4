package controllermanager

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime/pprof"
	"slices"
	"sync"
	"sync/atomic"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	typedcore "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/record"
	"k8s.io/klog/v2"

	"github.com/proa-sh/proa/pkg/controllers"
	"github.com/proa-sh/proa/pkg/controllers/control"
)

// Config is what a Manager is made of.
type Config struct {
	// Informers are shared with the rest of the process. The owner starts them after New.
	Informers informers.SharedInformerFactory
	// ClientFor returns the connection of a service account of namespace kube-system, given the account's name, or of
	// the program itself, given "". A process that does not separate identities may return the same connection for all.
	ClientFor func(serviceAccount string) *rest.Config
	// Controllers selects: a name switches a controller on, "-name" off, and "*" stands for all others.
	Controllers []string
	// Settings are passed to the controllers.
	Settings controllers.Settings
}

// Manager runs controllers.
type Manager struct {
	running []running
	// absent are controllers that were asked for and that do not exist here.
	absent []string
	failed atomic.Pointer[error]
}

// running is one controller with what belongs to it.
type running struct {
	name       string
	controller control.Controller
	events     record.EventBroadcaster
	sink       typedcore.EventsGetter
}

// New makes the selected controllers. It asks the informers for all kinds that they need.
func New(cfg Config) (*Manager, error) {
	var absent []string
	var err error
	if cfg.Controllers, absent, err = resolve(cfg.Controllers); err != nil {
		return nil, err
	}
	m := &Manager{absent: absent}
	cfg.Settings.Shared = shared(cfg)
	for _, entry := range controllers.All() {
		if !selected(cfg.Controllers, entry) {
			continue
		}
		one, err := build(cfg, entry)
		if errors.Is(err, controllers.ErrOff) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("make %s: %w", entry.Name, err)
		}
		m.running = append(m.running, one)
	}
	return m, nil
}

// build makes one controller and its dependencies.
func build(cfg Config, entry controllers.Entry) (running, error) {
	connection := rest.AddUserAgent(rest.CopyConfig(cfg.ClientFor(entry.Identity)), cmp.Or(entry.Identity, entry.Source))
	client, err := kubernetes.NewForConfig(connection)
	if err != nil {
		return running{}, fmt.Errorf("make client: %w", err)
	}
	events := record.NewBroadcaster()
	workers := entry.Workers
	if n, set := cfg.Settings.Workers[entry.Name]; set && n > 0 {
		workers = n
	}
	c, err := entry.New(control.Dependencies{
		Name: entry.Name, Informers: cfg.Informers, Client: client, REST: connection, Workers: workers,
		Recorder: events.NewRecorder(scheme.Scheme, v1.EventSource{Component: entry.Source}),
	}, cfg.Settings)
	if err != nil {
		events.Shutdown()
		return running{}, err
	}
	return running{entry.Name, c, events, client.CoreV1()}, nil
}

// Names are the controllers that will run.
func (m *Manager) Names() []string {
	var names []string
	for _, r := range m.running {
		names = append(names, r.name)
	}
	return names
}

// Label is that of a controller's goroutines (runtime/pprof); its value is the controller's name.
const Label = "controller"

// Failure is that of one controller.
type Failure struct {
	Controller string
	Err        error
}

// Error implements error.
func (f *Failure) Error() string { return f.Controller + ": " + f.Err.Error() }

// Unwrap gives what went wrong.
func (f *Failure) Unwrap() error { return f.Err }

// Run runs the controllers until ctx ends, or until one fails, which ends the others too. The error is then a Failure.
func (m *Manager) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if len(m.absent) > 0 {
		klog.FromContext(ctx).Info("Going on without controllers that do not exist here", "controllers", m.absent)
	}
	klog.FromContext(ctx).V(2).Info("Starting controllers", "controllers", m.Names())
	var wg sync.WaitGroup
	for _, r := range m.running {
		wg.Go(func() {
			pprof.Do(ctx, pprof.Labels(Label, r.name), func(ctx context.Context) {
				if err := r.run(ctx); err != nil {
					err = &Failure{Controller: r.name, Err: err}
					m.failed.CompareAndSwap(nil, &err)
					cancel(err)
				}
			})
		})
	}
	wg.Wait()
	return m.Healthy()
}

func (r running) run(ctx context.Context) error {
	defer r.events.Shutdown()
	defer r.events.StartRecordingToSink(&typedcore.EventSinkImpl{Interface: r.sink.Events("")}).Stop()
	return r.controller.Run(ctx)
}

// Healthy returns the error with which a controller has ended, if one has.
func (m *Manager) Healthy() error {
	if err := m.failed.Load(); err != nil {
		return *err
	}
	return nil
}

// shared are the resources whose typed informers the selected controllers make, and those that the owner named.
func shared(cfg Config) []schema.GroupVersionResource {
	all := slices.Clone(cfg.Settings.Shared)
	for _, entry := range controllers.All() {
		if !selected(cfg.Controllers, entry) {
			continue
		}
		for _, name := range entry.Reads {
			resource := schema.ParseGroupResource(name).WithVersion("v1") // all that controllers read are of version v1
			if name != "*" && !slices.Contains(all, resource) {
				all = append(all, resource)
			}
		}
	}
	return all
}
