package images

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
)

// nameAnnotation is what containerd reads an image's full name from; refAnnotation is the one of the OCI layout.
const (
	nameAnnotation = "io.containerd.image.name"
	refAnnotation  = "org.opencontainers.image.ref.name"
)

// Named is an image under its full name, such as docker.io/library/nginx:1.27.
type Named struct {
	Name  string
	Image v1.Image
}

// Entry is what an archive says of one image without its content being read.
type Entry struct {
	Name, Digest string
}

// WriteArchive writes images as an OCI layout in a tar file, in one step: a reader sees all of it or nothing. Layers that
// images share are stored once. The index comes first, so that Entries is quick.
func WriteArchive(path string, images []Named) error {
	dir, err := os.MkdirTemp(filepath.Dir(path), ".layout-*")
	if err != nil {
		return fmt.Errorf("make directory for image layout: %w", err)
	}
	defer os.RemoveAll(dir)
	var additions []mutate.IndexAddendum
	for _, image := range images {
		if !strings.Contains(filepath.Base(image.Name), ":") {
			return fmt.Errorf("write image archive: name %q has no tag", image.Name)
		}
		descriptor := v1.Descriptor{
			Annotations: map[string]string{nameAnnotation: image.Name, refAnnotation: image.Name},
			Platform:    &v1.Platform{OS: "linux", Architecture: "amd64"},
		}
		additions = append(additions, mutate.IndexAddendum{Add: image.Image, Descriptor: descriptor})
	}
	if _, err := layout.Write(dir, mutate.AppendManifests(empty.Index, additions...)); err != nil {
		return fmt.Errorf("write image layout: %w", err)
	}
	return tarDirectory(path, dir)
}

// tarDirectory packs a layout: oci-layout and index.json first, then the blobs in the order of their names.
func tarDirectory(path, dir string) error {
	var names []string
	err := filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			names = append(names, strings.TrimPrefix(name, dir+"/"))
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("list image layout: %w", err)
	}
	slices.SortFunc(names, func(a, b string) int {
		inBlobs := func(n string) int { return strings.Count(n, "/") }
		if inBlobs(a) != inBlobs(b) {
			return inBlobs(a) - inBlobs(b)
		}
		return strings.Compare(a, b)
	})
	out, err := os.CreateTemp(filepath.Dir(path), ".archive-*")
	if err != nil {
		return fmt.Errorf("write image archive: %w", err)
	}
	defer os.Remove(out.Name())
	if err := errors.Join(tarFiles(out, dir, names), out.Chmod(0o644), out.Close()); err != nil {
		return fmt.Errorf("write image archive: %w", err)
	}
	if err := os.Rename(out.Name(), path); err != nil {
		return fmt.Errorf("write image archive: %w", err)
	}
	return nil
}

func tarFiles(out io.Writer, dir string, names []string) error {
	w := tar.NewWriter(out)
	for _, name := range names {
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		if err := w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(content))}); err != nil {
			return err
		}
		if _, err := w.Write(content); err != nil {
			return err
		}
	}
	return w.Close()
}

// Entries reads the names and digests of the images in an archive that WriteArchive made.
func Entries(path string) ([]Entry, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open image archive: %w", err)
	}
	defer file.Close()
	r := tar.NewReader(file)
	for {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("read image archive %q: no index.json in it", path)
		}
		if err != nil {
			return nil, fmt.Errorf("read image archive %q: %w", path, err)
		}
		if header.Name != "index.json" {
			continue
		}
		var index v1.IndexManifest
		if err := json.NewDecoder(r).Decode(&index); err != nil {
			return nil, fmt.Errorf("read index of image archive %q: %w", path, err)
		}
		var entries []Entry
		for _, m := range index.Manifests {
			entries = append(entries, Entry{Name: m.Annotations[nameAnnotation], Digest: m.Digest.String()})
		}
		return entries, nil
	}
}
