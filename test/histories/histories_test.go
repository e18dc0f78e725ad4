package histories

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
)

var update = flag.Bool("update", false, "rewrite the recorded output of histories")

// TestMain takes the libraries' pause after errors away: it remembers the time of the last one over the ends of bubbles,
// whose clocks are not one. And it lets panics end the test, which the libraries would make errors of. A world is small: a
// fifth of the time of a walk went into collecting garbage.
func TestMain(m *testing.M) {
	debug.SetGCPercent(400)
	utilruntime.ErrorHandlers = nil
	utilruntime.PanicHandlers = []func(context.Context, any){func(_ context.Context, fault any) { panic(fault) }}
	os.Exit(m.Run())
}

// TestHistories plays the files in testdata. The first line of a file names the controllers that run.
func TestHistories(t *testing.T) {
	files, err := filepath.Glob("testdata/*/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no histories: %v", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(strings.TrimPrefix(file, "testdata/"), ".txt")
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			synctest.Test(t, func(t *testing.T) {
				first, rest, _ := strings.Cut(string(text), "\n")
				w := NewWorld(t, strings.Fields(strings.TrimPrefix(first, "controllers"))...)
				got := first + "\n" + w.Play(rest)
				if *update {
					if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
						t.Fatal(err)
					}
					return
				}
				if diff := cmp.Diff(string(text), got); diff != "" {
					t.Errorf("history (-recorded +got); run with -update after a change and review the difference:\n%s", diff)
				}
			})
		})
	}
}
