package images

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	cri "k8s.io/cri-api/pkg/apis"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/klog/v2"

	"github.com/proa-sh/proa/pkg/kubelet/podstate"
)

// The reasons that a container waits for its image, as the API shows them.
const (
	ReasonNeverPull    = "ErrImageNeverPull"
	ReasonPull         = "ErrImagePull"
	ReasonInspect      = "ImageInspectError"
	ReasonInvalidName  = "InvalidImageName"
	noCredentialsEvent = "FailedToRetrieveImagePullSecret"
)

// Error says why an image is not there.
type Error struct {
	Reason  string
	Message string
}

func (e *Error) Error() string { return e.Reason + ": " + e.Message }

// Secrets gives pull secrets.
type Secrets interface {
	Secret(ctx context.Context, namespace, name string) (*v1.Secret, error)
}

// Config is what a Manager works with.
type Config struct {
	CRI     cri.ImageManagerService
	Secrets Secrets
	// NodeCredentials are docker configuration files; those that do not exist are skipped.
	NodeCredentials []string
	// MaxParallel bounds pulls under way on this node; 0 is no bound.
	MaxParallel int
	// Event records an event on a container of the pod.
	Event func(pod *v1.Pod, container, eventType, reason, message string)
}

// Manager is safe for concurrent use.
type Manager struct {
	cfg   Config
	slots chan struct{}
	mu    sync.Mutex
	// pulls under way by image and credentials; guarded by mu.
	pulls map[string]*pull
}

type pull struct {
	done chan struct{}
	ref  string
	// took is without the wait for a place.
	took time.Duration
	err  error
}

// New returns a Manager on cfg.
func New(cfg Config) *Manager {
	m := &Manager{cfg: cfg, pulls: map[string]*pull{}}
	if cfg.MaxParallel > 0 {
		m.slots = make(chan struct{}, cfg.MaxParallel)
	}
	return m
}

// Request names an image that a container of a pod needs.
type Request struct {
	Pod *v1.Pod
	// Container is for events; empty for image volumes.
	Container string
	Image     string
	Policy    v1.PullPolicy
	// Handler is the runtime handler for which the image is unpacked.
	Handler string
}

// Ensure brings the image to the node as the policy says. Every error is an *Error.
func (m *Manager) Ensure(ctx context.Context, req Request) (podstate.Image, error) {
	if !ValidName(req.Image) {
		message := fmt.Sprintf("Failed to apply default image tag %q: couldn't parse image name %q: invalid reference format", req.Image, req.Image)
		m.event(req, v1.EventTypeWarning, "InspectFailed", message)
		return podstate.Image{}, &Error{ReasonInvalidName, message}
	}
	spec := &runtimeapi.ImageSpec{Image: req.Image, UserSpecifiedImage: req.Image, RuntimeHandler: req.Handler}
	image, present, err := m.lookup(ctx, spec)
	if err != nil {
		message := fmt.Sprintf("Failed to inspect image %q: %v", req.Image, err)
		m.event(req, v1.EventTypeWarning, "InspectFailed", message)
		return podstate.Image{}, &Error{ReasonInspect, message}
	}
	switch {
	case present && req.Policy != v1.PullAlways:
		m.event(req, v1.EventTypeNormal, "Pulled",
			fmt.Sprintf("Container image %q already present on machine and can be accessed by the pod", req.Image))
		return image, nil
	case req.Policy == v1.PullNever:
		message := fmt.Sprintf("Container image %q is not present with pull policy of Never", req.Image)
		m.event(req, v1.EventTypeWarning, ReasonNeverPull, message)
		return podstate.Image{}, &Error{ReasonNeverPull, message}
	}
	return m.pull(ctx, req, spec)
}

func (m *Manager) lookup(ctx context.Context, spec *runtimeapi.ImageSpec) (podstate.Image, bool, error) {
	response, err := m.cfg.CRI.ImageStatus(ctx, spec, false)
	if err != nil {
		return podstate.Image{}, false, err
	}
	i := response.GetImage()
	if i == nil {
		return podstate.Image{}, false, nil
	}
	image := podstate.Image{Ref: i.Id, Username: i.Username}
	if i.Uid != nil {
		uid := i.Uid.Value
		image.UID = &uid
	}
	return image, true, nil
}

func (m *Manager) pull(ctx context.Context, req Request, spec *runtimeapi.ImageSpec) (podstate.Image, error) {
	m.event(req, v1.EventTypeNormal, "Pulling", fmt.Sprintf("Pulling image %q", req.Image))
	began := time.Now()
	keyring, err := m.keyring(ctx, req)
	if err != nil {
		return podstate.Image{}, m.failed(req, err)
	}
	ref, took, err := m.tryAll(ctx, spec, keyring.Find(req.Image))
	if err != nil {
		return podstate.Image{}, m.failed(req, err)
	}
	pulled := &runtimeapi.ImageSpec{Image: ref, UserSpecifiedImage: req.Image, RuntimeHandler: req.Handler}
	image, present, err := m.lookup(ctx, pulled)
	if err != nil || !present {
		// The runtime said that it has the image; its own reference is enough to start from.
		klog.FromContext(ctx).V(2).Info("Pulled image cannot be inspected", "image", req.Image, "err", err)
		image = podstate.Image{Ref: ref}
	}
	all := time.Since(began)
	m.event(req, v1.EventTypeNormal, "Pulled", fmt.Sprintf("Successfully pulled image %q in %v (%v including waiting). Image size: %d bytes.",
		req.Image, took.Truncate(time.Millisecond), all.Truncate(time.Millisecond), m.size(ctx, pulled)))
	return image, nil
}

func (m *Manager) size(ctx context.Context, spec *runtimeapi.ImageSpec) uint64 {
	response, err := m.cfg.CRI.ImageStatus(ctx, spec, false)
	if err != nil {
		return 0
	}
	return response.GetImage().GetSize()
}

func (m *Manager) failed(req Request, err error) *Error {
	message := fmt.Sprintf("failed to pull image %q: %v", req.Image, err)
	reason := ReasonPull
	var known *Error
	if errors.As(err, &known) {
		reason, message = known.Reason, known.Message
	}
	m.event(req, v1.EventTypeWarning, "Failed", "Failed to pull image "+fmt.Sprintf("%q: %v", req.Image, err))
	m.event(req, v1.EventTypeWarning, "Failed", "Error: "+reason)
	return &Error{reason, message}
}

// tryAll pulls with each credential in turn, without any if there is none. The last error is returned.
func (m *Manager) tryAll(ctx context.Context, spec *runtimeapi.ImageSpec, auths []*runtimeapi.AuthConfig) (ref string, took time.Duration, err error) {
	if len(auths) == 0 {
		auths = []*runtimeapi.AuthConfig{nil}
	}
	for _, auth := range auths {
		if ref, took, err = m.once(ctx, spec, auth); err == nil {
			return ref, took, nil
		}
	}
	return "", 0, err
}

// once joins a pull of the same image with the same credentials that is under way, or starts one.
func (m *Manager) once(ctx context.Context, spec *runtimeapi.ImageSpec, auth *runtimeapi.AuthConfig) (ref string, took time.Duration, err error) {
	key := spec.Image + "\x00" + spec.RuntimeHandler + "\x00" + auth.GetUsername() + "\x00" + auth.GetPassword() + "\x00" + auth.GetIdentityToken()
	m.mu.Lock()
	if p, ok := m.pulls[key]; ok {
		m.mu.Unlock()
		select {
		case <-p.done:
			// The starter gave up for reasons of its own; that says nothing about the image.
			if errors.Is(p.err, context.Canceled) && ctx.Err() == nil {
				return m.once(ctx, spec, auth)
			}
			return p.ref, p.took, p.err
		case <-ctx.Done():
			return "", 0, ctx.Err()
		}
	}
	p := &pull{done: make(chan struct{})}
	m.pulls[key] = p
	m.mu.Unlock()
	m.start(ctx, p, spec, auth)
	m.mu.Lock()
	delete(m.pulls, key)
	m.mu.Unlock()
	close(p.done)
	return p.ref, p.took, p.err
}

// start pulls when a place is free.
func (m *Manager) start(ctx context.Context, p *pull, spec *runtimeapi.ImageSpec, auth *runtimeapi.AuthConfig) {
	release, err := m.slot(ctx)
	if err != nil {
		p.err = err
		return
	}
	defer release()
	began := time.Now()
	p.ref, p.err = m.cfg.CRI.PullImage(ctx, spec, auth, nil)
	p.took = time.Since(began)
	if ctx.Err() != nil {
		p.err = ctx.Err()
	}
}

// slot waits for a free place among the parallel pulls.
func (m *Manager) slot(ctx context.Context) (release func(), err error) {
	if m.slots == nil {
		return func() {}, nil
	}
	select {
	case m.slots <- struct{}{}:
		return func() { <-m.slots }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// keyring collects the pod's pull secrets, then the node's credentials. A secret that is missing is an event, not a fault:
// the image may be public.
func (m *Manager) keyring(ctx context.Context, req Request) (*Keyring, error) {
	k := &Keyring{}
	for _, ref := range req.Pod.Spec.ImagePullSecrets {
		if ref.Name == "" {
			continue
		}
		secret, err := m.cfg.Secrets.Secret(ctx, req.Pod.Namespace, ref.Name)
		if apierrors.IsNotFound(err) {
			m.cfg.Event(req.Pod, "", v1.EventTypeWarning, noCredentialsEvent,
				fmt.Sprintf("Unable to retrieve some image pull secrets (%s); attempting to pull the image may not succeed.", ref.Name))
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read pull secret %q: %w", ref.Name, err)
		}
		if err := k.addSecret(secret); err != nil {
			return nil, fmt.Errorf("read pull secret %q: %w", ref.Name, err)
		}
	}
	return k, k.addNode(m.cfg.NodeCredentials)
}

func (m *Manager) event(req Request, eventType, reason, message string) {
	m.cfg.Event(req.Pod, req.Container, eventType, reason, message)
}

// imageName is the grammar of distribution references: optional registry, path, optional tag and digest.
var imageName = regexp.MustCompile(`^(?:(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[[0-9a-fA-F:]+\])(?::[0-9]+)?/)?` +
	`[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*` +
	`(?::[\w][\w.-]{0,127})?(?:@[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,})?$`)

// ValidName says whether the text can name an image.
func ValidName(name string) bool { return imageName.MatchString(name) }
