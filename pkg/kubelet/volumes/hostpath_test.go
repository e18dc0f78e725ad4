package volumes

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
	v1 "k8s.io/api/core/v1"
)

func TestCheckHostPath(t *testing.T) {
	dir := t.TempDir()
	file, socket, link := filepath.Join(dir, "file"), filepath.Join(dir, "socket"), filepath.Join(dir, "link")
	block := filepath.Join(dir, "block")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mknod(block, unix.S_IFBLK|0o600, int(unix.Mkdev(7, 200))); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	absent := filepath.Join(dir, "absent")
	for _, tc := range []struct {
		path string
		want v1.HostPathType
		ok   bool
	}{
		{absent, v1.HostPathUnset, true},
		{dir, v1.HostPathDirectory, true},
		{file, v1.HostPathDirectory, false},
		{absent, v1.HostPathDirectory, false},
		{file, v1.HostPathFile, true},
		{link, v1.HostPathFile, true},
		{dir, v1.HostPathFile, false},
		{absent, v1.HostPathFile, false},
		{socket, v1.HostPathSocket, true},
		{file, v1.HostPathSocket, false},
		{"/dev/null", v1.HostPathCharDev, true},
		{block, v1.HostPathCharDev, false},
		{block, v1.HostPathBlockDev, true},
		{"/dev/null", v1.HostPathBlockDev, false},
		{dir, v1.HostPathDirectoryOrCreate, true},
		{file, v1.HostPathDirectoryOrCreate, false},
		{file, v1.HostPathFileOrCreate, true},
		{dir, v1.HostPathFileOrCreate, false},
		{filepath.Join(dir, "no", "parent"), v1.HostPathFileOrCreate, false},
		{file, "Unheard", false},
	} {
		if err := checkHostPath(tc.path, tc.want); (err == nil) != tc.ok {
			t.Errorf("%s as %q: %v, want ok=%v", tc.path, tc.want, err, tc.ok)
		}
	}
	made := filepath.Join(dir, "made", "deep")
	if err := checkHostPath(made, v1.HostPathDirectoryOrCreate); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(made); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("%v, %v", info, err)
	}
	empty := filepath.Join(dir, "empty")
	if err := checkHostPath(empty, v1.HostPathFileOrCreate); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(empty); err != nil || info.Mode() != 0o644 || info.Size() != 0 {
		t.Errorf("%v, %v", info, err)
	}
}
