package unit

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// odd is a unit with what has a meaning of its own in unit files.
func odd(dir string) Unit {
	return Unit{
		Description: "Kubernetes cluster 100%",
		Program:     []string{"/bin/sh", "-c", `printf '%s\n' "$0" "$@" "$ODD"`, "", `a "b" \ $HOME %h`, "two\nlines"},
		Env:         []string{`ODD=1 %h "2" \3`, "PROA_PROCESS=keeper:/var/lib/my data"}, Log: filepath.Join(dir, "100% log"),
	}
}

func TestText(t *testing.T) {
	text, err := odd("/var/log").Text()
	if err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "odd.service")
	want, err := os.ReadFile(golden)
	if os.Getenv("UPDATE") != "" {
		err = os.WriteFile(golden, []byte(text), 0o644)
		want = []byte(text)
	}
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), text); diff != "" {
		t.Errorf("unit (-want +got), UPDATE=1 rewrites it:\n%s", diff)
	}
}

// TestSystemdAccepts has systemd itself check the file: every name and every value.
func TestSystemdAccepts(t *testing.T) {
	dir := t.TempDir()
	text, err := odd(dir).Text()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "proa-test.service")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("systemd-analyze", "verify", "--man=no", file).CombinedOutput()
	if err != nil || strings.Contains(string(out), "proa-test") {
		t.Errorf("%v\n%s\n%s", err, out, text)
	}
}
