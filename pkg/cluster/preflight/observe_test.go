package preflight

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestObserveThisMachine(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	needs := Needs{
		DataDir: filepath.Join(dir, "not", "there", "yet"), Version: Version{1, 36}, MinFreeBytes: 1,
		Addresses: []Address{{Address: taken.Addr().String()}, {Address: free.Addr().String()}},
		Programs:  []Program{{"sh", ""}, {"no-such-program", "build it"}},
	}
	facts, err := Observe(t.Context(), needs)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{taken.Addr().String(): fmt.Sprintf("held by process %d (preflight.test)", os.Getpid())}
	if diff := cmp.Diff(want, facts.Busy); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]Program{{"no-such-program", "build it"}}, facts.Missing); diff != "" {
		t.Error(diff)
	}
	if facts.DataFault != "" || facts.FreeBytes == 0 || facts.NoNftables != "" {
		t.Errorf("facts: %+v", facts)
	}
	if missing := lacking(requiredControllers(), facts.Controllers); missing != "" {
		t.Errorf("controllers not seen: %s", missing)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("looking has left something: %v, %v", entries, err)
	}
}

func TestVersionFile(t *testing.T) {
	dir := t.TempDir()
	if v, err := ReadVersion(dir); err != nil || v != (Version{}) {
		t.Errorf("empty directory: %v, %v", v, err)
	}
	for _, v := range []Version{{1, 36}, {1, 37}} {
		if err := WriteVersion(dir, v); err != nil {
			t.Fatal(err)
		}
		if got, err := ReadVersion(dir); err != nil || got != v {
			t.Errorf("read %v, %v; want %v", got, err, v)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "version"), []byte("rubbish"), 0o644); err != nil {
		t.Fatal(err)
	}
	facts, err := Observe(t.Context(), Needs{DataDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(facts.DataFault, "rubbish") {
		t.Errorf("fault %q does not show the bad version", facts.DataFault)
	}
}
