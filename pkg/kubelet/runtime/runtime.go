package runtime

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	cri "k8s.io/cri-api/pkg/apis"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/utils/lru"

	"github.com/proa-sh/proa/pkg/kubelet/podstate"
)

// Config is what a Runtime works with.
type Config struct {
	CRI   cri.RuntimeService
	Paths Paths
	DNS   DNS
	// Objects gives the sources of environment variables.
	Objects Objects
	// Services lists the services of a namespace and of "default".
	Services func(namespace string) ([]*v1.Service, error)
	// Handler maps a pod's RuntimeClass to the runtime's handler, "" for the default one.
	Handler func(pod *v1.Pod) (string, error)
	// Allocatable is what the node gives to pods, for resource fields of containers without limits.
	Allocatable func() v1.ResourceList
	// Resources computes the limits of a container.
	Resources func(pod *v1.Pod, c *v1.Container) *runtimeapi.LinuxContainerResources
	// SubPath pins a part of a volume and returns the host path to mount.
	SubPath func(SubPath) (string, error)
	// MountPoint makes a mount point in a volume that only the kubelet can write.
	MountPoint func(volumePath, place string, directory bool) error
	// UserNS gives the pod's user namespace, nil for the node's.
	UserNS func(pod *v1.Pod) (*runtimeapi.UserNamespace, error)
	// SeccompDefault makes RuntimeDefault the profile of containers that name none.
	SeccompDefault bool
}

// Runtime makes the calls. It is safe for concurrent use.
type Runtime struct {
	cfg Config
	// started has one token after something was started, for Watch.
	started chan struct{}
	// readOnly caches which handlers can mount recursively read-only; guarded by mu, filled at first use and emptied when the
	// runtime was away.
	mu       sync.Mutex
	readOnly map[string]bool
	// removals are the calls at a time that remove something.
	removals *semaphore.Weighted
	// failedStarts are instances of which the runtime has answered that it cannot start them. It has a mutex of its own.
	failedStarts *lru.Cache
}

// removalsAtOnce is how many calls remove something at a time. The runtime starts several processes for each; without a limit,
// hundreds of pods that end together keep new ones from starting, and time each other out.
const removalsAtOnce = 8

// New returns a Runtime on cfg.
func New(cfg Config) *Runtime {
	return &Runtime{cfg: cfg, started: make(chan struct{}, 1), removals: semaphore.NewWeighted(removalsAtOnce), failedStarts: lru.New(maxFailedStarts)}
}

// remove makes a call that removes something, when it is its turn. What is gone already is removed.
func (r *Runtime) remove(ctx context.Context, call func(ctx context.Context, id string) error, id string) error {
	if err := r.removals.Acquire(ctx, 1); err != nil {
		return err
	}
	defer r.removals.Release(1)
	if err := call(ctx, id); err != nil && !isNotFound(err) {
		return err
	}
	return nil
}

// CreateSandbox makes the pod's network and namespaces. problem is a note on name resolution worth an event.
func (r *Runtime) CreateSandbox(ctx context.Context, pod *v1.Pod, attempt uint32, cgroupParent string) (problem string, err error) {
	conf, problem, err := r.sandboxConfig(pod, attempt, cgroupParent)
	if err != nil {
		return "", err
	}
	handler, err := r.cfg.Handler(pod)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(conf.LogDirectory, 0o755); err != nil {
		return "", fmt.Errorf("make pod log directory: %w", err)
	}
	if _, err := r.cfg.CRI.RunPodSandbox(ctx, conf, handler); err != nil {
		return problem, err
	}
	r.didStart()
	return problem, nil
}

func (r *Runtime) sandboxConfig(pod *v1.Pod, attempt uint32, cgroupParent string) (*runtimeapi.PodSandboxConfig, string, error) {
	host, err := ReadResolvConf(r.cfg.DNS.ResolvConf)
	if err != nil {
		return nil, "", err
	}
	userns, err := r.cfg.UserNS(pod)
	if err != nil {
		return nil, "", err
	}
	return SandboxConfig(SandboxInput{
		Pod: pod, Attempt: attempt, CgroupParent: cgroupParent, Paths: r.cfg.Paths,
		DNS: r.cfg.DNS, HostDNS: host, UserNS: userns,
	})
}

// SubPath names a part of a volume that a container mounts.
type SubPath struct {
	UID       types.UID
	Container string
	// Index is the position among the container's volumeMounts.
	Index int
	// Volume is its name, VolumePath where it lies on the host, Path the part in it.
	Volume, VolumePath, Path string
}

// CreateRequest names a container to create.
type CreateRequest struct {
	// Pod carries the addresses known by now in its status.
	Pod          *v1.Pod
	Container    *v1.Container
	Attempt      uint32
	Sandbox      podstate.Sandbox
	CgroupParent string
	Image        podstate.Image
	Volumes      map[string]podstate.VolumePath
	// TargetID is the instance whose processes an ephemeral container sees; "" for none.
	TargetID string
}

// ConfigError is a fault in what the pod asks for, found before the runtime was asked.
type ConfigError struct{ Err error }

func (e *ConfigError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *ConfigError) Unwrap() error { return e.Err }

// CreateContainer makes a container instance and returns its id. A *ConfigError means that the runtime was not asked.
func (r *Runtime) CreateContainer(ctx context.Context, req CreateRequest) (string, error) {
	in, err := r.containerInput(ctx, req)
	if err != nil {
		return "", &ConfigError{err}
	}
	conf, mounts, err := ContainerConfig(in)
	if err != nil {
		return "", &ConfigError{err}
	}
	if err := r.prepareMounts(req, mounts, conf.Mounts); err != nil {
		return "", &ConfigError{err}
	}
	sandbox, _, err := r.sandboxConfig(req.Pod, req.Sandbox.Attempt, req.CgroupParent)
	if err != nil {
		return "", &ConfigError{err}
	}
	if err := os.MkdirAll(filepath.Join(sandbox.LogDirectory, req.Container.Name), 0o755); err != nil {
		return "", fmt.Errorf("make container log directory: %w", err)
	}
	return r.cfg.CRI.CreateContainer(ctx, req.Sandbox.ID, conf, sandbox)
}

// prepareMounts pins sub-paths and makes the mount points that the runtime cannot make.
func (r *Runtime) prepareMounts(req CreateRequest, planned []plannedMount, all []*runtimeapi.Mount) (err error) {
	for i, m := range planned {
		if m.subPath == "" {
			continue
		}
		m.mount.HostPath, err = r.cfg.SubPath(SubPath{
			UID: req.Pod.UID, Container: req.Container.Name, Index: i,
			Volume: req.Container.VolumeMounts[i].Name, VolumePath: m.volume.Path, Path: m.subPath,
		})
		if err != nil {
			return fmt.Errorf("failed to prepare subPath for volumeMount %q of container %q: %w",
				req.Container.VolumeMounts[i].Name, req.Container.Name, err)
		}
	}
	for _, n := range nestedMounts(planned, all) {
		info, err := os.Stat(n.source)
		// An image is mounted as a directory, and the runtime makes one of what does not exist.
		directory := err != nil || info.IsDir()
		if err := r.cfg.MountPoint(n.volumePath, n.place, directory); err != nil {
			return err
		}
	}
	return nil
}

func (r *Runtime) containerInput(ctx context.Context, req CreateRequest) (ContainerInput, error) {
	in := ContainerInput{
		Pod: req.Pod, Container: req.Container, Attempt: req.Attempt, Image: req.Image.Ref, Volumes: req.Volumes,
	}
	if err := CheckNonRoot(req.Pod, req.Container, req.Image); err != nil {
		return in, err
	}
	services, err := r.cfg.Services(req.Pod.Namespace)
	if err != nil {
		return in, err
	}
	in.Env, err = Env(ctx, EnvInput{
		Pod: req.Pod, Container: req.Container, Services: ServiceEnv(req.Pod, services),
		Allocatable: r.cfg.Allocatable(), Volumes: req.Volumes,
	}, r.cfg.Objects)
	if err != nil {
		return in, err
	}
	if in.UserNS, err = r.cfg.UserNS(req.Pod); err != nil {
		return in, err
	}
	if in.RecursiveReadOnly, err = r.recursiveReadOnly(ctx, req.Pod); err != nil {
		return in, err
	}
	in.Resources = r.cfg.Resources(req.Pod, req.Container)
	in.Security = ContainerSecurity(SecurityInput{
		Pod: req.Pod, Container: req.Container, UserNS: in.UserNS, TargetID: req.TargetID,
		SeccompRoot: filepath.Join(r.cfg.Paths.Root, "seccomp"), SeccompDefault: r.cfg.SeccompDefault,
		VolumeGroups: volumeGroups(req.Volumes),
	})
	if in.MessageFile, err = r.makeMessageFile(req.Pod.UID, req.Container.Name, req.Attempt); err != nil {
		return in, err
	}
	in.HostsFile, err = r.writeHosts(req.Pod, req.Sandbox.IPs)
	return in, err
}

func volumeGroups(volumes map[string]podstate.VolumePath) []int64 {
	var gids []int64
	for _, v := range volumes {
		if v.GroupID != nil {
			gids = append(gids, *v.GroupID)
		}
	}
	return gids
}

// writeHosts writes the pod's hosts file. It is written in place: containers hold the inode.
func (r *Runtime) writeHosts(pod *v1.Pod, ips []string) (string, error) {
	node := ""
	if pod.Spec.HostNetwork {
		var err error
		if node, err = nodeHosts(); err != nil {
			return "", err
		}
	}
	path := r.cfg.Paths.HostsFile(pod.UID)
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return "", fmt.Errorf("make pod directory: %w", err)
	}
	if err := os.WriteFile(path, []byte(HostsFile(pod, ips, r.cfg.DNS.Domain, node)), 0o644); err != nil {
		return "", fmt.Errorf("write hosts file: %w", err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		return "", fmt.Errorf("open hosts file to all: %w", err)
	}
	return path, nil
}

// forgetFeatures lets the runtime be asked anew what it can: it may have come back as another version.
func (r *Runtime) forgetFeatures() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.readOnly = nil
}

// recursiveReadOnly asks the runtime which handlers can do it, once in its life.
func (r *Runtime) recursiveReadOnly(ctx context.Context, pod *v1.Pod) (bool, error) {
	handler, err := r.cfg.Handler(pod)
	if err != nil {
		return false, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.readOnly == nil {
		status, err := r.cfg.CRI.Status(ctx, false)
		if err != nil {
			return false, fmt.Errorf("read features of the container runtime: %w", err)
		}
		r.readOnly = map[string]bool{}
		for _, h := range status.RuntimeHandlers {
			r.readOnly[h.Name] = h.GetFeatures().GetRecursiveReadOnlyMounts()
		}
	}
	return r.readOnly[handler], nil
}

// StartContainer starts a created instance and links its log.
func (r *Runtime) StartContainer(ctx context.Context, pod *v1.Pod, container string, attempt uint32, id string) error {
	if err := r.cfg.CRI.StartContainer(ctx, id); err != nil {
		r.startFailed(id, err)
		return err
	}
	r.didStart()
	if r.cfg.Paths.ContainerLogs == "" {
		return nil
	}
	log := filepath.Join(r.cfg.Paths.LogDir(pod.Namespace, pod.Name, pod.UID), logPath(container, attempt))
	link := filepath.Join(r.cfg.Paths.ContainerLogs, logLink(pod, container, id))
	if err := os.MkdirAll(r.cfg.Paths.ContainerLogs, 0o755); err != nil {
		return fmt.Errorf("make directory of log links: %w", err)
	}
	if err := os.Symlink(log, link); err != nil && !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("link container log: %w", err)
	}
	return nil
}

// StopContainer asks the instance to end and kills it after grace seconds. An instance that is gone is stopped.
func (r *Runtime) StopContainer(ctx context.Context, id string, grace int64) error {
	if err := r.cfg.CRI.StopContainer(ctx, id, grace); err != nil && !isNotFound(err) {
		return err
	}
	return nil
}

// UpdateResources changes the limits of a running container.
func (r *Runtime) UpdateResources(ctx context.Context, id string, resources *runtimeapi.LinuxContainerResources) error {
	return r.cfg.CRI.UpdateContainerResources(ctx, id, &runtimeapi.ContainerResources{Linux: resources})
}

// Exec runs a command in a container and returns its output. A non-zero exit is an error.
func (r *Runtime) Exec(ctx context.Context, id string, command []string, timeout time.Duration) (stdout, stderr []byte, err error) {
	return r.cfg.CRI.ExecSync(ctx, id, command, timeout)
}
