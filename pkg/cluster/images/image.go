package images

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// File is one entry of an image's file system. Exactly one of Content, Source, Link and Dir says what it is; an empty
// file has none.
type File struct {
	// Path is absolute inside the image. The directories above it are made.
	Path string
	// Content is what is in it; Source is a file of this machine to take it from.
	Content []byte
	Source  string
	// Link makes it a symbolic link to that target.
	Link string
	// Dir makes it a directory.
	Dir bool
	// Mode are the permissions, with the sticky and set-id bits as in tar; 0 means 0644, or 0755 for directories.
	Mode     int64
	UID, GID int
}

// Spec is one image.
type Spec struct {
	Files []File
	// Config says how to run it.
	Config v1.Config
	// Architecture in Go's terms; empty means amd64.
	Architecture string
}

// Build makes an image of one uncompressed layer. Images here are moved within one machine, where compressing would
// cost more than it saves.
func Build(spec Spec) (v1.Image, error) {
	content, err := tarOf(spec.Files)
	if err != nil {
		return nil, err
	}
	layer := static.NewLayer(content, types.OCIUncompressedLayer)
	base := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	image, err := mutate.AppendLayers(base, layer)
	if err != nil {
		return nil, fmt.Errorf("add layer: %w", err)
	}
	file, err := image.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("read image's configuration: %w", err)
	}
	file = file.DeepCopy()
	file.OS, file.Architecture, file.Config = "linux", spec.Architecture, spec.Config
	if file.Architecture == "" {
		file.Architecture = "amd64"
	}
	if image, err = mutate.ConfigFile(image, file); err != nil {
		return nil, fmt.Errorf("set image's configuration: %w", err)
	}
	return image, nil
}

// tarOf writes the files in the order of their paths, without times, so that equal files give equal bytes.
func tarOf(files []File) ([]byte, error) {
	files = withParents(files)
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, f := range files {
		if err := addFile(w, f); err != nil {
			return nil, fmt.Errorf("add %q to image: %w", f.Path, err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("end layer: %w", err)
	}
	return out.Bytes(), nil
}

// withParents adds the directories that nobody mentioned and sorts. Of two entries for one path the later one counts.
func withParents(files []File) []File {
	byPath := map[string]File{}
	for _, f := range files {
		f.Path = path.Clean("/" + f.Path)
		byPath[f.Path] = f
		for dir := path.Dir(f.Path); dir != "/"; dir = path.Dir(dir) {
			if _, there := byPath[dir]; !there {
				byPath[dir] = File{Path: dir, Dir: true}
			}
		}
	}
	all := make([]File, 0, len(byPath))
	for _, f := range byPath {
		if f.Path != "/" {
			all = append(all, f)
		}
	}
	slices.SortFunc(all, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	return all
}

func addFile(w *tar.Writer, f File) error {
	header := &tar.Header{Name: strings.TrimPrefix(f.Path, "/"), Mode: f.Mode, Uid: f.UID, Gid: f.GID, Format: tar.FormatPAX}
	content := f.Content
	switch {
	case f.Dir:
		header.Typeflag, header.Name = tar.TypeDir, header.Name+"/"
	case f.Link != "":
		header.Typeflag, header.Linkname, header.Mode = tar.TypeSymlink, f.Link, 0o777
	case f.Source != "":
		var err error
		if content, err = os.ReadFile(f.Source); err != nil {
			return err
		}
		header.Typeflag = tar.TypeReg
	default:
		header.Typeflag = tar.TypeReg
	}
	if header.Mode == 0 {
		header.Mode = 0o644
		if f.Dir {
			header.Mode = 0o755
		}
	}
	if f.Dir || f.Link != "" {
		if len(content) > 0 || f.Source != "" {
			return errors.New("it is a directory or a link and has content")
		}
		return w.WriteHeader(header)
	}
	header.Size = int64(len(content))
	if err := w.WriteHeader(header); err != nil {
		return err
	}
	_, err := w.Write(content)
	return err
}
