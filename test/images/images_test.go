package images

import (
	"archive/tar"
	"bytes"
	"debug/elf"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/proa-sh/proa/pkg/cluster/images"
)

func TestParseURIs(t *testing.T) {
	got, err := parseURIs("'http://x/z_2%3a1_amd64.deb' z_2%3a1_amd64.deb 12 SHA256:ab\n'http://x/a_1_all.deb' a_1_all.deb 7 \n")
	if err != nil {
		t.Fatal(err)
	}
	want := []debFile{{Name: "a", File: "a_1_all.deb", Size: "7"}, {Name: "z", File: "z_2%3a1_amd64.deb", Size: "12"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, bad := range []string{"Reading package lists...\n", "'http://x' nounderscore 1\n"} {
		if _, err := parseURIs(bad); err == nil {
			t.Errorf("%q was taken for a package", bad)
		}
	}
}

func TestReadTar(t *testing.T) {
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	for _, entry := range []struct {
		header  tar.Header
		content string
	}{
		{header: tar.Header{Name: "./bin/", Typeflag: tar.TypeDir, Mode: 0o755}},
		{header: tar.Header{Name: "./bin/sh", Typeflag: tar.TypeReg, Mode: 0o4755, Uid: 3}, content: "code"},
		{header: tar.Header{Name: "./usr/bin/hard", Typeflag: tar.TypeLink, Linkname: "./bin/sh", Mode: 0o755}},
		{header: tar.Header{Name: "./lib64/ld.so", Typeflag: tar.TypeSymlink, Linkname: "/lib/ld.so", Mode: 0o777}},
	} {
		entry.header.Size = int64(len(entry.content))
		if err := w.WriteHeader(&entry.header); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(entry.content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := readTar(&archive)
	if err != nil {
		t.Fatal(err)
	}
	want := []images.File{
		{Path: "/usr/bin", Dir: true, Mode: 0o755},
		{Path: "/usr/bin/sh", Content: []byte("code"), Mode: 0o4755, UID: 3},
		{Path: "/usr/bin/hard", Content: []byte("code"), Mode: 0o755},
		{Path: "/usr/lib64/ld.so", Link: "/lib/ld.so"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestPrune takes a real program of this machine for one that needs libraries.
func TestPrune(t *testing.T) {
	shell, err := filepath.EvalSymlinks("/bin/bash")
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(shell)
	if err != nil {
		t.Fatal(err)
	}
	file, err := elf.NewFile(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	libraries, err := file.ImportedLibraries()
	if err != nil || len(libraries) == 0 {
		t.Fatalf("%s needs %v, %v", shell, libraries, err)
	}
	const dir = "/usr/lib/x86_64-linux-gnu/"
	files := []images.File{
		{Path: "/usr/bin/bash", Content: content},
		{Path: dir + libraries[0], Link: "real.so.1.2"}, {Path: dir + "real.so.1.2"},
		{Path: dir + "unused.so.1", Link: "unused.so.1.0"}, {Path: dir + "unused.so.1.0"},
		{Path: dir + "libgcc_s.so.1"}, {Path: dir + "ld-linux-x86-64.so.2"}, {Path: dir + "ossl-modules/legacy.so"},
	}
	var got []string
	for _, f := range prune(files) {
		got = append(got, f.Path)
	}
	want := []string{"/usr/bin/bash", dir + libraries[0], dir + "real.so.1.2", dir + "libgcc_s.so.1", dir + "ld-linux-x86-64.so.2", dir + "ossl-modules/legacy.so"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestCatalogIsSound(t *testing.T) {
	names, tags := map[string]bool{}, map[string]bool{}
	for _, entry := range Catalog() {
		if names[entry.Name] || len(entry.Tags) == 0 || len(entry.Config.Cmd) == 0 {
			t.Errorf("entry %q is there twice, or has no tag or no command", entry.Name)
		}
		names[entry.Name] = true
		for _, tag := range entry.Tags {
			if tags[tag] || !strings.HasPrefix(tag, "docker.io/library/") {
				t.Errorf("tag %q is there twice, or is not a full name", tag)
			}
			tags[tag] = true
		}
	}
}

// TestBuildBusybox makes an image of a real package, and runs its shell from the layer.
func TestBuildBusybox(t *testing.T) {
	dir := t.TempDir()
	entries := slices.DeleteFunc(Catalog(), func(e Entry) bool { return e.Name != "busybox" })
	var reports []string
	for range 2 {
		if err := Build(t.Context(), dir, entries, func(line string) { reports = append(reports, line) }); err != nil {
			t.Fatal(err)
		}
	}
	if len(reports) != 3 || reports[0] != "build busybox" || !strings.Contains(reports[1], "0 packages") || reports[2] != "busybox: up to date" {
		t.Errorf("reports: %q", reports)
	}
	inArchive, err := images.Entries(filepath.Join(dir, "busybox.tar"))
	if err != nil {
		t.Fatal(err)
	}
	var tags []string
	for _, e := range inArchive {
		tags = append(tags, e.Name)
	}
	if diff := cmp.Diff(entries[0].Tags, tags); diff != "" {
		t.Error(diff)
	}
	root := t.TempDir()
	unpackLargestBlob(t, filepath.Join(dir, "busybox.tar"), root)
	out, err := exec.Command("chroot", root, "/bin/sh", "-c", "cat /etc/group | grep wheel; id -un").CombinedOutput()
	if err != nil || string(out) != "wheel:x:10:\nroot\n" {
		t.Errorf("the shell in the image said %q, %v", out, err)
	}
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") }))
	defer page.Close()
	byName := strings.Replace(page.URL, "127.0.0.1", "localhost", 1)
	if err := os.WriteFile(filepath.Join(root, "etc", "hosts"), []byte("127.0.0.1 localhost\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{page.URL}, {byName}, {"-T", "5", page.URL}, {"-T", "5", byName}} {
		out, err := exec.Command("chroot", append([]string{root, "wget", "-q", "-O-"}, args...)...).CombinedOutput()
		if err != nil || string(out) != "hello" {
			t.Errorf("wget %v said %q, %v", args, out, err)
		}
	}
}

// unpackLargestBlob unpacks an archive's only layer.
func unpackLargestBlob(t *testing.T, archive, root string) {
	t.Helper()
	content, err := os.ReadFile(archive)
	if err != nil {
		t.Fatal(err)
	}
	files, err := readTar(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	largest := slices.MaxFunc(files, func(a, b images.File) int { return len(a.Content) - len(b.Content) })
	cmd := exec.Command("tar", "-x", "-C", root)
	cmd.Stdin = bytes.NewReader(largest.Content)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("unpack layer: %v: %s", err, out)
	}
}
