package runtime

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
	v1 "k8s.io/api/core/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/proa-sh/proa/pkg/kubelet/podfile"
	"github.com/proa-sh/proa/pkg/kubelet/podstate"
)

// TestLastWords: whatever a pod puts where its last words are read from, reading ends.
func TestLastWords(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	long := strings.Repeat(fmt.Sprintf("2026-01-01T00:00:01.000000000Z stdout F %s\n", strings.Repeat("x", 1000)), 400)
	for _, err := range []error{
		os.WriteFile(at("own"), []byte("own words"), 0o600), os.WriteFile(at("empty"), nil, 0o600), unix.Mkfifo(at("pipe"), 0o600),
		os.WriteFile(at("0.log"), []byte("2026-01-01T00:00:01.000000000Z stdout F logged\n"), 0o600), os.WriteFile(at("long.log"), []byte(long), 0o600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, tc := range map[string]struct {
		mounts []string
		log    string
		want   string
	}{
		"a file":                      {[]string{"own"}, "", "own words"},
		"the last of several mounts":  {[]string{"pipe", "own"}, "", "own words"},
		"a pipe":                      {[]string{"own", "pipe"}, "", "Error on reading termination message: open " + at("pipe") + ": not a regular file"},
		"a directory":                 {[]string{"."}, "", "Error on reading termination message: open " + dir + ": not a regular file"},
		"nothing there":               {[]string{"none"}, "", ""},
		"nothing said, but logged":    {[]string{"empty"}, "0.log", "logged\n"},
		"a pipe in place of the log":  {[]string{"empty"}, "pipe", "Error on reading termination message from logs: open " + at("pipe") + ": not a regular file"},
		"no log":                      {[]string{"empty"}, "none.log", ""},
		"a log longer than the words": {[]string{"empty"}, "long.log", strings.Repeat("x", 45) + "\n" + strings.Repeat("x", 1000) + "\n" + strings.Repeat("x", 1000) + "\n"},
	} {
		status := &runtimeapi.ContainerStatus{ExitCode: 1, Annotations: map[string]string{
			annotationMessagePath: "/dev/termination-log", annotationMessagePolicy: string(v1.TerminationMessageFallbackToLogsOnError),
		}}
		for _, m := range tc.mounts {
			status.Mounts = append(status.Mounts, &runtimeapi.Mount{ContainerPath: "/dev/termination-log", HostPath: at(m)})
		}
		if tc.log != "" {
			status.LogPath = at(tc.log)
		}
		if got := (&Runtime{}).lastWords(t.Context(), status); got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}

// TestEnvFromOddFile: a pod cannot make the kubelet hang, or read other files, by what it puts in place of an environment file.
func TestEnvFromOddFile(t *testing.T) {
	dir := t.TempDir()
	if err := errors.Join(unix.Mkfifo(filepath.Join(dir, "pipe"), 0o600), os.Symlink("/etc/passwd", filepath.Join(dir, "out"))); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]error{"pipe": podfile.ErrNotRegular, "out": unix.EXDEV, "none": os.ErrNotExist} {
		in := EnvInput{
			Pod: &v1.Pod{}, Volumes: map[string]podstate.VolumePath{"v": {Path: dir}},
			Container: &v1.Container{Env: []v1.EnvVar{{Name: "A", ValueFrom: &v1.EnvVarSource{
				FileKeyRef: &v1.FileKeySelector{VolumeName: "v", Path: path, Key: "A"}}}}},
		}
		if _, err := Env(t.Context(), in, objects{}); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", path, err, want)
		}
	}
}
