package volumes

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	v1 "k8s.io/api/core/v1"

	"github.com/proa-sh/proa/pkg/kubelet/podstate"
)

// hostPath gives the pod a path of the host. Nothing is mounted; the path is checked, or made, as its type says.
type hostPath struct{}

func (hostPath) matches(s *v1.VolumeSource) bool { return s.HostPath != nil }
func (hostPath) plugin() string                  { return "" }

func (hostPath) setup(_ context.Context, r *request) (podstate.VolumePath, error) {
	source := r.volume.HostPath
	want := v1.HostPathUnset
	if source.Type != nil {
		want = *source.Type
	}
	if err := checkHostPath(source.Path, want); err != nil {
		return podstate.VolumePath{}, fmt.Errorf("hostPath type check failed: %w", err)
	}
	return podstate.VolumePath{Path: source.Path}, nil
}

// checkHostPath says whether path is of the wanted type, following symbolic links; the OrCreate types make what is
// missing. The messages are those of the events that users know.
func checkHostPath(path string, want v1.HostPathType) error {
	if want == v1.HostPathUnset {
		return nil
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		switch want {
		case v1.HostPathDirectoryOrCreate:
			return os.MkdirAll(path, 0o755)
		case v1.HostPathFileOrCreate:
			return createFile(path)
		}
	}
	var mode fs.FileMode
	if err == nil {
		mode = info.Mode()
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	found := err == nil
	switch want {
	case v1.HostPathDirectory, v1.HostPathDirectoryOrCreate:
		return expect(found && mode.IsDir(), path, "directory")
	case v1.HostPathFile, v1.HostPathFileOrCreate:
		return expect(found && mode.IsRegular(), path, "file")
	case v1.HostPathSocket:
		return expect(found && mode&fs.ModeSocket != 0, path, "socket file")
	case v1.HostPathCharDev:
		return expect(found && mode&fs.ModeCharDevice != 0, path, "character device")
	case v1.HostPathBlockDev:
		return expect(found && mode&fs.ModeDevice != 0 && mode&fs.ModeCharDevice == 0, path, "block device")
	}
	return fmt.Errorf("%s is an invalid volume type", want)
}

func expect(ok bool, path, what string) error {
	if ok {
		return nil
	}
	return fmt.Errorf("%s is not a %s", path, what)
}

// createFile makes an empty file; the directory must exist.
func createFile(path string) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return file.Close()
}
