package volumes

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/proa-sh/proa/pkg/kubelet/podstate"
	"github.com/proa-sh/proa/pkg/kubelet/record"
)

// Objects reads the API objects that volumes are made of. A missing object is an error for which
// apierrors.IsNotFound is true.
type Objects interface {
	Secret(ctx context.Context, namespace, name string) (*v1.Secret, error)
	ConfigMap(ctx context.Context, namespace, name string) (*v1.ConfigMap, error)
}

// TokenSource asks the API server for a token of a service account.
type TokenSource interface {
	Token(ctx context.Context, namespace, serviceAccountName string, request *authenticationv1.TokenRequest) (*authenticationv1.TokenRequest, error)
}

// NodeSource gives the Node that this kubelet stands for; its allocatable resources bound memory volumes and stand in
// for limits that a container does not set.
type NodeSource interface {
	Node(ctx context.Context) (*v1.Node, error)
}

// Config is what a Manager is made of.
type Config struct {
	// RootDir is the kubelet's directory; empty means /var/lib/kubelet.
	RootDir string
	Objects Objects
	Tokens  TokenSource
	Node    NodeSource
	// Records remember what is set up.
	Records *record.Store
	// Mounter mounts and unmounts; nil means system calls in the mount namespace of this process. The Interface of
	// k8s.io/mount-utils fits.
	Mounter Mounter
}

// Paths says where each volume of a pod lies, by the volume's name.
type Paths map[string]podstate.VolumePath

// Manager makes volumes ready. Calls for different pods may overlap; calls for one pod may not.
type Manager struct {
	root    string
	kinds   []kind
	tokens  *tokens
	mounter Mounter
	records *record.Store
}

// New makes a Manager and the directory that holds the pods' directories.
func New(cfg Config) (*Manager, error) {
	if cfg.RootDir == "" {
		cfg.RootDir = "/var/lib/kubelet"
	}
	if cfg.Mounter == nil {
		cfg.Mounter = SystemMounter{}
	}
	if cfg.Objects == nil || cfg.Tokens == nil || cfg.Node == nil || cfg.Records == nil {
		return nil, errors.New("volumes need Objects, Tokens, Node and Records")
	}
	root, err := filepath.Abs(cfg.RootDir)
	if err != nil {
		return nil, fmt.Errorf("find root directory: %w", err)
	}
	if err := os.MkdirAll(filepath.Join(root, "pods"), 0o750); err != nil {
		return nil, fmt.Errorf("make directory for pods: %w", err)
	}
	m := &Manager{root: root, tokens: newTokens(cfg.Tokens), mounter: cfg.Mounter, records: cfg.Records}
	m.kinds = kinds(cfg, m.tokens)
	return m, nil
}

// PodDir is the directory of the pod's own files on the host.
func (m *Manager) PodDir(uid types.UID) string { return filepath.Join(m.root, "pods", string(uid)) }

// EmptyDir is where an emptyDir volume of the pod lies on the host.
func (m *Manager) EmptyDir(uid types.UID, volume string) string {
	return filepath.Join(m.PodDir(uid), volumesDir, emptyDir{}.plugin(), volume)
}

// Setup makes every volume of the pod ready and returns their paths. It may be called again at any time: what is ready
// stays as it is, but for content that has changed. The error joins one error for each volume that failed, worded as in
// the event FailedMount.
func (m *Manager) Setup(ctx context.Context, pod *v1.Pod) (Paths, error) {
	if err := checkUID(pod.UID); err != nil {
		return nil, err
	}
	if err := m.prepare(pod); err != nil {
		return nil, err
	}
	paths := make(Paths, len(pod.Spec.Volumes))
	var errs []error
	for i := range pod.Spec.Volumes {
		volume := &pod.Spec.Volumes[i]
		path, err := m.setupOne(ctx, pod, volume)
		if err != nil {
			errs = append(errs, setupError(volume.Name, err))
			continue
		}
		paths[volume.Name] = path
	}
	if err := m.ready(pod.UID, paths); err != nil {
		errs = append(errs, err)
	}
	return paths, errors.Join(errs...)
}

func (m *Manager) setupOne(ctx context.Context, pod *v1.Pod, volume *v1.Volume) (podstate.VolumePath, error) {
	k, err := m.kindOf(pod, volume)
	if err != nil {
		return podstate.VolumePath{}, err
	}
	return k.setup(ctx, m.request(pod, volume, k))
}

// Refresh brings the content of the pod's projected volumes up to date with the objects they are made of and renews
// tokens that are due. Volumes that fail keep their present content.
func (m *Manager) Refresh(ctx context.Context, pod *v1.Pod) error {
	if err := checkUID(pod.UID); err != nil {
		return err
	}
	var errs []error
	for i := range pod.Spec.Volumes {
		volume := &pod.Spec.Volumes[i]
		k, err := m.kindOf(pod, volume)
		if err != nil {
			continue // Setup has reported it; there is nothing to refresh.
		}
		if r, ok := k.(refresher); ok {
			if err := r.refresh(ctx, m.request(pod, volume, k)); err != nil {
				errs = append(errs, setupError(volume.Name, err))
			}
		}
	}
	return errors.Join(errs...)
}

// NextRefresh is the earliest time at which a token of the pod is due for renewal by Refresh; false when the pod has no
// tokens.
func (m *Manager) NextRefresh(uid types.UID) (time.Time, bool) { return m.tokens.next(uid) }

func (m *Manager) request(pod *v1.Pod, volume *v1.Volume, k kind) *request {
	dir := ""
	if plugin := k.plugin(); plugin != "" {
		dir = filepath.Join(m.PodDir(pod.UID), volumesDir, plugin, volume.Name)
	}
	return &request{pod: pod, volume: volume, dir: dir}
}

func (m *Manager) kindOf(pod *v1.Pod, volume *v1.Volume) (kind, error) {
	for _, k := range m.kinds {
		if k.matches(&volume.VolumeSource) {
			return k, nil
		}
	}
	return nil, fmt.Errorf("pod %s/%s: volume %q: source %s is not supported by this kubelet",
		pod.Namespace, pod.Name, volume.Name, sourceName(&volume.VolumeSource))
}

// setupError words a failure as the event FailedMount does, which users and tools look for.
func setupError(volume string, err error) error {
	return fmt.Errorf("MountVolume.SetUp failed for volume %q : %w", volume, err)
}

// checkUID refuses a UID that is not a single path element; static pods bring UIDs that the API server never saw.
func checkUID(uid types.UID) error {
	if s := string(uid); s == "" || s == "." || s == ".." || filepath.Base(s) != s {
		return fmt.Errorf("pod UID %q cannot name a directory", uid)
	}
	return nil
}
