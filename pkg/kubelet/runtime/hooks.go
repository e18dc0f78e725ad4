package runtime

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"k8s.io/apimachinery/pkg/types"
)

// hookMark is the file which says that the preStop hook of an instance has ended. It lies in the pod's directory and goes
// away with it: a kubelet that is restarted while the instance ends must not run the hook once more.
func (p Paths) hookMark(uid types.UID, container, id string) string {
	return filepath.Join(p.ContainerDir(uid, container), id+".prestop")
}

// MarkPreStop remembers that the instance's preStop hook has ended.
func (r *Runtime) MarkPreStop(uid types.UID, container, id string) error {
	path := r.cfg.Paths.hookMark(uid, container, id)
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return fmt.Errorf("make container directory: %w", err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		return fmt.Errorf("mark the end of the preStop hook: %w", err)
	}
	return nil
}

// preStopDone says whether the instance's preStop hook has ended already.
func (r *Runtime) preStopDone(uid types.UID, container, id string) (bool, error) {
	_, err := os.Stat(r.cfg.Paths.hookMark(uid, container, id))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look for the mark of the preStop hook: %w", err)
	}
	return true, nil
}
