package images

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// listing describes each entry of a tar as one line.
func listing(t *testing.T, content []byte) []string {
	t.Helper()
	var lines []string
	for r := tar.NewReader(bytes.NewReader(content)); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return lines
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, fmt.Sprintf("%c %04o %d:%d %s %s%s", header.Typeflag, header.Mode, header.Uid, header.Gid, header.Name, header.Linkname, body))
	}
}

func TestTar(t *testing.T) {
	source := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(source, []byte("code"), 0o600); err != nil {
		t.Fatal(err)
	}
	content, err := tarOf([]File{
		{Path: "/usr/bin/program", Source: source, Mode: 0o755},
		{Path: "etc/passwd", Content: []byte("root"), UID: 1, GID: 2},
		{Path: "/tmp", Dir: true, Mode: 0o1777},
		{Path: "/bin", Link: "usr/bin"},
		{Path: "/etc/passwd", Content: []byte("later"), UID: 1, GID: 2},
		{Path: "/"},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"2 0777 0:0 bin usr/bin",
		"5 0755 0:0 etc/ ",
		"0 0644 1:2 etc/passwd later",
		"5 1777 0:0 tmp/ ",
		"5 0755 0:0 usr/ ",
		"5 0755 0:0 usr/bin/ ",
		"0 0755 0:0 usr/bin/program code",
	}
	if diff := cmp.Diff(want, listing(t, content)); diff != "" {
		t.Error(diff)
	}
	if _, err := tarOf([]File{{Path: "/x", Dir: true, Content: []byte("y")}}); err == nil || !strings.Contains(err.Error(), `"/x"`) {
		t.Errorf("error %v does not name the contradictory file", err)
	}
}

func sample(t *testing.T, content string) v1.Image {
	t.Helper()
	image, err := Build(Spec{Files: []File{{Path: "/data", Content: []byte(content)}}, Config: v1.Config{Entrypoint: []string{"/data"}}})
	if err != nil {
		t.Fatal(err)
	}
	return image
}

// checkLayer checks that the configuration names the very bytes of the layer, which must not be compressed.
func checkLayer(t *testing.T, image v1.Image) {
	t.Helper()
	manifest, err := image.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	want := []v1.Hash{manifest.Layers[0].Digest}
	if diff := cmp.Diff(want, config.RootFS.DiffIDs); diff != "" || manifest.Layers[0].MediaType != types.OCIUncompressedLayer {
		t.Errorf("layer of type %s:\n%s", manifest.Layers[0].MediaType, diff)
	}
}

func TestArchive(t *testing.T) {
	one, two := sample(t, "1"), sample(t, "2")
	checkLayer(t, one)
	dir := t.TempDir()
	var contents [2]string
	for i := range contents {
		path := filepath.Join(dir, fmt.Sprint(i))
		if err := WriteArchive(path, []Named{{"example.org/a:1", one}, {"example.org/b:2", two}, {"example.org/a:latest", one}}); err != nil {
			t.Fatal(err)
		}
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		contents[i] = string(content)
	}
	if contents[0] != contents[1] {
		t.Error("two archives of the same images differ")
	}
	digest := func(image v1.Image) string {
		d, err := image.Digest()
		if err != nil {
			t.Fatal(err)
		}
		return d.String()
	}
	want := []Entry{{"example.org/a:1", digest(one)}, {"example.org/b:2", digest(two)}, {"example.org/a:latest", digest(one)}}
	got, err := Entries(filepath.Join(dir, "0"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 2 {
		t.Errorf("temporary files are left: %v", entries)
	}
	if err := WriteArchive(filepath.Join(dir, "x"), []Named{{"example.org/a", one}}); err == nil {
		t.Error("a name without a tag was taken")
	}
}

func TestSystemImagesNeedTheirPrograms(t *testing.T) {
	dir := t.TempDir()
	if err := WriteSystem(dir, dir); err == nil || !strings.Contains(err.Error(), "pause") {
		t.Errorf("error %v does not name the missing program", err)
	}
	for _, name := range []string{"pause", "coredns"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := WriteSystem(dir, dir); err != nil {
		t.Fatal(err)
	}
	pausePath, corednsPath := SystemArchives(dir)
	for path, want := range map[string]string{pausePath: PauseName, corednsPath: CoreDNSName} {
		entries, err := Entries(path)
		if err != nil || len(entries) != 1 || entries[0].Name != want {
			t.Errorf("%s holds %v, %v; want %s", path, entries, err, want)
		}
	}
}
