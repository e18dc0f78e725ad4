package runtime

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"github.com/proa-sh/proa/pkg/kubelet/podstate"
)

// RemoveContainer removes a stopped instance with its logs.
func (r *Runtime) RemoveContainer(ctx context.Context, c podstate.Container) error {
	if err := r.remove(ctx, r.cfg.CRI.RemoveContainer, c.ID); err != nil {
		return fmt.Errorf("remove container %s: %w", c.ID, err)
	}
	return r.removeLogs(c)
}

// removeLogs removes the log, its rotated parts and its link.
func (r *Runtime) removeLogs(c podstate.Container) error {
	if c.LogPath != "" {
		parts, err := filepath.Glob(c.LogPath + "*")
		if err != nil {
			return fmt.Errorf("find logs of container %s: %w", c.ID, err)
		}
		for _, part := range parts {
			if err := os.Remove(part); err != nil && !os.IsNotExist(err) {
				return fmt.Errorf("remove container log: %w", err)
			}
		}
	}
	if r.cfg.Paths.ContainerLogs == "" {
		return nil
	}
	links, err := filepath.Glob(filepath.Join(r.cfg.Paths.ContainerLogs, "*-"+c.ID+".log"))
	if err != nil {
		return fmt.Errorf("find log link of container %s: %w", c.ID, err)
	}
	for _, link := range links {
		if err := os.Remove(link); err != nil && !os.IsNotExist(err) {
			return fmt.Errorf("remove log link: %w", err)
		}
	}
	return nil
}

// StopSandbox ends the sandbox with all that runs in it and frees its network.
func (r *Runtime) StopSandbox(ctx context.Context, id string) error {
	return r.remove(ctx, r.cfg.CRI.StopPodSandbox, id)
}

// RemoveSandbox removes the sandbox and the containers in it.
func (r *Runtime) RemoveSandbox(ctx context.Context, id string) error {
	return r.remove(ctx, r.cfg.CRI.RemovePodSandbox, id)
}

// RemoveLogs removes the log directory of a pod of which nothing is left, and the links to its logs that a crash has left.
func (r *Runtime) RemoveLogs(namespace, name string, uid types.UID) error {
	dir := r.cfg.Paths.LogDir(namespace, name, uid)
	if err := r.removeLinks(namespace, name, dir); err != nil {
		return fmt.Errorf("remove links to pod logs: %w", err)
	}
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("remove pod log directory: %w", err)
	}
	return nil
}

func (r *Runtime) removeLinks(namespace, name, dir string) error {
	if r.cfg.Paths.ContainerLogs == "" {
		return nil
	}
	links, err := filepath.Glob(filepath.Join(r.cfg.Paths.ContainerLogs, name+"_"+namespace+"_*.log"))
	if err != nil {
		return err
	}
	for _, link := range links {
		target, err := os.Readlink(link)
		if err != nil || !strings.HasPrefix(target, dir+"/") {
			continue // not a link, or that of another pod of the same name
		}
		if err := os.Remove(link); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}
