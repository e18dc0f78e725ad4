package images

import (
	"os"
	"path/filepath"
	"testing"
)

func TestCodename(t *testing.T) {
	file := filepath.Join(t.TempDir(), "os-release")
	if err := os.WriteFile(file, []byte("ID=debian\nVERSION_CODENAME=bookworm\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if name, err := codename(file); err != nil || name != "bookworm" {
		t.Errorf("got %q, %v", name, err)
	}
	if err := os.WriteFile(file, []byte("ID=debian\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := codename(file); err == nil {
		t.Error("no name was found, and no error given")
	}
}
