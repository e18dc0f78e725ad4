package logs

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestPlanRotation(t *testing.T) {
	for _, tc := range []struct {
		name  string
		files []string
		max   int
		want  plan
	}{
		{"first", nil, 5, plan{}},
		{"the one before is compressed", []string{"l.1"}, 5, plan{compress: []string{"l.1"}}},
		{"the oldest goes", []string{"l.3", "l.1.gz", "l.2.gz"}, 4, plan{remove: []string{"l.1.gz"}, compress: []string{"l.3"}}},
		{"two files: nothing old is kept", []string{"l.1"}, 2, plan{remove: []string{"l.1"}}},
		{"what a crash left goes", []string{"l.1.tmp", "l.1"}, 5, plan{remove: []string{"l.1.tmp"}, compress: []string{"l.1"}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, planRotation(tc.files, tc.max), cmp.AllowUnexported(plan{})); diff != "" {
				t.Errorf("plan (-want +got):\n%s", diff)
			}
		})
	}
}

// TestRotate writes a log four times beyond its size.
func TestRotate(t *testing.T) {
	dir := t.TempDir()
	l := Log{ContainerID: "c", Path: filepath.Join(dir, "0.log")}
	cfg := Config{MaxSize: 10, MaxFiles: 3, Reopen: func(context.Context, string) error {
		return os.WriteFile(l.Path, nil, 0o600)
	}}
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i, text := range []string{"first log\n", "second log\n", "third log\n", "fourth log\n", "short\n"} {
		if err := os.WriteFile(l.Path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := rotateIfLarge(t.Context(), cfg, l, now.Add(time.Duration(i)*time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range names {
		names[i] = filepath.Base(names[i])
	}
	want := []string{"0.log", "0.log.20260101-000002.gz", "0.log.20260101-000003"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Fatalf("files (-want +got):\n%s", diff)
	}
	f, err := os.Open(filepath.Join(dir, want[1]))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(z); err != nil || string(text) != "third log\n" {
		t.Errorf("compressed log holds %q, %v", text, err)
	}
}

func TestRotateKeepsTheLogWhenReopenFails(t *testing.T) {
	l := Log{Path: filepath.Join(t.TempDir(), "0.log")}
	if err := os.WriteFile(l.Path, []byte(strings.Repeat("x", 20)), 0o600); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("no runtime")
	cfg := Config{MaxSize: 10, MaxFiles: 3, Reopen: func(context.Context, string) error { return broken }}
	if err := rotateIfLarge(t.Context(), cfg, l, time.Now()); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	if info, err := os.Stat(l.Path); err != nil || info.Size() != 20 {
		t.Errorf("the log is gone: %v, %v", info, err)
	}
}
