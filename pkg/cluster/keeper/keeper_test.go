package keeper

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// script runs a shell script in life after life. The number of the life is in $n; each life notes what it found.
func script(t *testing.T, text string) (k *keeper, notes func() []string) {
	t.Helper()
	dir := t.TempDir()
	prologue := `cd ` + dir + `; echo x >> lives; n=$(wc -l < lives); echo "$n ${PROA_LAST_END:-none}" >> notes; `
	return &keeper{program: []string{"/bin/sh", "-c", prologue + text}}, func() []string {
		content, err := os.ReadFile(filepath.Join(dir, "notes"))
		if err != nil {
			t.Fatal(err)
		}
		return strings.Split(strings.TrimSpace(string(content)), "\n")
	}
}

func TestLives(t *testing.T) {
	for _, test := range []struct {
		name, script string
		want         int
		notes        []string
	}{
		{name: "asked to end", script: "exit 0", want: 0, notes: []string{"1 none"}},
		{name: "cannot start", script: "exit 1", want: 1, notes: []string{"1 none"}},
		{name: "killed, then asked to end", script: `[ $n = 1 ] && kill -9 $$; exit 0`, want: 0, notes: []string{"1 none", "2 signal: killed"}},
		{name: "panics twice", script: `[ $n -lt 3 ] && exit 2; exit 0`, want: 0, notes: []string{"1 none", "2 exit status 2", "3 exit status 2"}},
		{name: "falls, and then cannot start for a moment", script: `case $n in 1) exit 3;; 2) exit 1;; esac; exit 0`, want: 0,
			notes: []string{"1 none", "2 exit status 3", "3 exit status 1"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			k, notes := script(t, test.script)
			if got := k.run(nil); got != test.want {
				t.Errorf("exit status %d, want %d", got, test.want)
			}
			if diff := cmp.Diff(test.notes, notes()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestSignalEnds: a program that dies of the signal that was passed on is not begun again.
func TestSignalEnds(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	k, notes := script(t, "echo ready >&3; exec 3>&-; exec tail -f /dev/null")
	k.inherited = []*os.File{write}
	signals := make(chan os.Signal, 1)
	go func() {
		// The pipe ends when the program has closed its end and we ours.
		if _, err := read.Read(make([]byte, 16)); err != nil {
			t.Error(err)
		}
		signals <- syscall.SIGTERM
	}()
	if got := k.run(signals); got != Done {
		t.Errorf("exit status %d", got)
	}
	if got := notes(); len(got) != 1 {
		t.Errorf("lives: %v", got)
	}
}
