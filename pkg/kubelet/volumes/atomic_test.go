package volumes

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWritePayload(t *testing.T) {
	dir := t.TempDir()
	f := func(text string) file { return file{data: []byte(text), mode: 0o644} }
	for step, tc := range []struct {
		content payload
		want    map[string]string
	}{
		{payload{}, map[string]string{}},
		{payload{"a": f("1"), "d/b": f("2")}, map[string]string{"a": "-rw-r--r-- 1", "d/b": "-rw-r--r-- 2"}},
		{payload{"a": f("1"), "d/b": f("2"), "d/c": f("3")}, map[string]string{"a": "-rw-r--r-- 1", "d/b": "-rw-r--r-- 2", "d/c": "-rw-r--r-- 3"}},
		{payload{"d": f("a file now")}, map[string]string{"d": "-rw-r--r-- a file now"}},
		{payload{"d": {data: []byte("a file now"), mode: 0o400}}, map[string]string{"d": "-r-------- a file now"}},
		{payload{}, map[string]string{}},
	} {
		if err := writePayload(dir, tc.content, nil, nil); err != nil {
			t.Fatal(err)
		}
		before := listing(t, dir)
		if diff := cmp.Diff(tc.want, files(t, dir)); diff != "" {
			t.Errorf("step %d (-want +got):\n%s", step, diff)
		}
		// The same content writes nothing.
		if err := writePayload(dir, tc.content, nil, nil); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(before, listing(t, dir)); diff != "" {
			t.Errorf("step %d wrote the same content again (-before +after):\n%s", step, diff)
		}
		if generations := countPrefix(before, "..2"); generations != 1 {
			t.Errorf("step %d left %d generations: %v", step, generations, before)
		}
	}
	if target, err := os.Readlink(filepath.Join(dir, dataLink)); err != nil || !strings.HasPrefix(target, "..2") {
		t.Errorf("..data leads to %q, %v", target, err)
	}
}

// A crash can leave a generation that is not in use, and the link that was to lead to it.
func TestWritePayloadAfterCrash(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "..2020_01_01_00_00_00.1", "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("..2020_01_01_00_00_00.1", filepath.Join(dir, newDataLink)); err != nil {
		t.Fatal(err)
	}
	if err := writePayload(dir, payload{"a": {data: []byte("1"), mode: 0o600}}, nil, nil); err != nil {
		t.Fatal(err)
	}
	if got := listing(t, dir); len(got) != 3 || countPrefix(got, "..2020") != 0 {
		t.Errorf("left behind: %v", got)
	}
}

// TestWritePayloadIsAtomic reads the files of one generation while they are replaced: a reader that opened the current
// generation never sees two versions in it.
func TestWritePayloadIsAtomic(t *testing.T) {
	dir := t.TempDir()
	version := func(n int) payload {
		content := payload{}
		for i := range 8 {
			content[fmt.Sprintf("f%d", i)] = file{data: fmt.Appendf(nil, "%d", n), mode: 0o644}
		}
		return content
	}
	if err := writePayload(dir, version(0), nil, nil); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if err := readGeneration(dir); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for n := 1; n <= 300; n++ {
		if err := writePayload(dir, version(n), nil, nil); err != nil {
			t.Error(err)
			break
		}
	}
	close(done)
	readers.Wait()
}

func readGeneration(dir string) error {
	root, err := os.OpenRoot(filepath.Join(dir, dataLink))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // The link was followed to a generation that was removed in this moment.
	}
	if err != nil {
		return err
	}
	defer root.Close()
	seen := ""
	for i := range 8 {
		data, err := root.ReadFile(fmt.Sprintf("f%d", i))
		if errors.Is(err, fs.ErrNotExist) {
			return nil // Removed while it is read; a reader starts again.
		}
		if err != nil {
			return err
		}
		if seen != "" && seen != string(data) {
			return fmt.Errorf("one generation holds versions %s and %s", seen, data)
		}
		seen = string(data)
	}
	return nil
}

func listing(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	names := make([]string, 0, len(entries))
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

func countPrefix(names []string, prefix string) int {
	count := 0
	for _, name := range names {
		if strings.HasPrefix(name, prefix) {
			count++
		}
	}
	return count
}
