package podfile

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	outside := filepath.Join(t.TempDir(), "outside")
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, err := range []error{
		os.WriteFile(at("file"), []byte("text"), 0o600), os.WriteFile(outside, []byte("text"), 0o600), os.Mkdir(at("dir"), 0o700),
		os.Symlink("file", at("link")), os.Symlink(outside, at("out")), os.Symlink("loop", at("loop")),
		unix.Mkfifo(at("pipe"), 0o600), unix.Mknod(at("device"), unix.S_IFCHR|0o600, int(unix.Mkdev(1, 5))),
		unix.Mknod(at("socket"), unix.S_IFSOCK|0o600, 0),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]struct{ open, beneath error }{
		"file":   {nil, nil},
		"link":   {nil, nil},
		"out":    {nil, unix.EXDEV},
		"loop":   {unix.ELOOP, unix.ELOOP},
		"none":   {os.ErrNotExist, os.ErrNotExist},
		"dir":    {ErrNotRegular, ErrNotRegular},
		"pipe":   {ErrNotRegular, ErrNotRegular},
		"device": {ErrNotRegular, ErrNotRegular},
		"socket": {ErrNotRegular, ErrNotRegular},
	} {
		file, err := Open(at(name))
		check(t, "open "+name, file, err, want.open)
		file, err = OpenBeneath(dir, name)
		check(t, "open beneath "+name, file, err, want.beneath)
	}
	if _, err := OpenBeneath(dir, "../"+filepath.Base(dir)+"/file"); !errors.Is(err, unix.EXDEV) {
		t.Errorf("a path that leaves the directory: %v", err)
	}
}

func check(t *testing.T, what string, file *os.File, err, want error) {
	t.Helper()
	if want != nil || err != nil {
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", what, err, want)
		}
		return
	}
	defer file.Close()
	if text, err := io.ReadAll(file); err != nil || string(text) != "text" {
		t.Errorf("%s: %q, %v", what, text, err)
	}
}
