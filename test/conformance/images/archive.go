package images

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/proa-sh/proa/pkg/cluster/images"
	debian "github.com/proa-sh/proa/test/images"
)

// recipe changes when this package makes other images of the same inputs.
const recipe = 1

// Build makes the archive of all images, unless it is there already, of the same inputs.
func Build(ctx context.Context, s Sources, archive string, report func(string)) error {
	var err error
	if s.Cache, err = filepath.Abs(s.Cache); err != nil { // apt takes others to be below its own directories
		return fmt.Errorf("find cache: %w", err)
	}
	shell, err := debian.Busybox(ctx, s.Cache, report)
	if err != nil {
		return fmt.Errorf("build busybox: %w", err)
	}
	layers := s.layers()
	layers[0].files = append(layers[0].files, images.File{Path: "/usr/bin/busybox", Source: shell, Mode: 0o755})
	packages := map[string]debian.Packages{}
	for _, l := range layers {
		if len(l.packages) == 0 {
			continue
		}
		if packages[l.name], err = debian.Resolve(ctx, filepath.Join(s.Cache, "packages"), l.packages); err != nil {
			return fmt.Errorf("find packages for layer %s: %w", l.name, err)
		}
	}
	key, err := keyOf(layers, packages)
	if err != nil {
		return err
	}
	keyFile := archive + ".key"
	if old, err := os.ReadFile(keyFile); err == nil && string(old) == key {
		if _, err := os.Stat(archive); err == nil {
			report("images: up to date")
			return nil
		}
	}
	report("images: " + archive)
	built, err := assemble(ctx, layers, packages)
	if err != nil {
		return err
	}
	if err := images.WriteArchive(archive, built); err != nil {
		return err
	}
	return os.WriteFile(keyFile, []byte(key), 0o644)
}

// assemble makes the layers, each once, and of them the images.
func assemble(ctx context.Context, layers []layer, packages map[string]debian.Packages) ([]images.Named, error) {
	stacks := map[string][]v1.Layer{}
	for i, l := range layers {
		files := l.files
		if p, ok := packages[l.name]; ok {
			unpacked, err := p.Unpack(ctx)
			if err != nil {
				return nil, fmt.Errorf("unpack packages of layer %s: %w", l.name, err)
			}
			files = append(unpacked, files...)
		}
		if i == 0 {
			links, err := applets(ctx, files)
			if err != nil {
				return nil, err
			}
			files = append(files, links...)
		}
		image, err := images.Build(images.Spec{Files: files})
		if err != nil {
			return nil, fmt.Errorf("make layer %s: %w", l.name, err)
		}
		own, err := image.Layers()
		if err != nil {
			return nil, fmt.Errorf("make layer %s: %w", l.name, err)
		}
		stacks[l.name] = append(stacks[l.base][:len(stacks[l.base]):len(stacks[l.base])], own...)
	}
	var named []images.Named
	for _, e := range catalog() {
		image, err := images.Build(images.Spec{Config: e.config})
		if err == nil {
			image, err = mutate.AppendLayers(image, stacks[e.layer]...)
		}
		if err != nil {
			return nil, fmt.Errorf("make image %s: %w", e.tags[0], err)
		}
		for _, tag := range e.tags {
			named = append(named, images.Named{Name: tag, Image: image})
		}
	}
	return named, nil
}

func applets(ctx context.Context, files []images.File) ([]images.File, error) {
	program, err := os.ReadFile(files[len(files)-1].Source)
	if err != nil {
		return nil, err
	}
	return debian.Applets(ctx, program)
}

// keyOf is the same for the same images: it covers the content of every file.
func keyOf(layers []layer, packages map[string]debian.Packages) (string, error) {
	hash := sha256.New()
	versions := map[string][]string{}
	for name, p := range packages {
		versions[name] = p.Versions()
	}
	encoder := json.NewEncoder(hash)
	for _, l := range layers {
		if err := encoder.Encode([]any{recipe, l.name, l.base, l.packages, versions[l.name], l.files}); err != nil {
			return "", fmt.Errorf("encode layer %s: %w", l.name, err)
		}
		for _, f := range l.files {
			if f.Source == "" {
				continue
			}
			if err := addContent(hash, f.Source); err != nil {
				return "", fmt.Errorf("read file of layer %s: %w", l.name, err)
			}
		}
	}
	for _, e := range catalog() {
		if err := encoder.Encode([]any{e.tags, e.layer, e.config}); err != nil {
			return "", fmt.Errorf("encode image %s: %w", e.tags[0], err)
		}
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

func addContent(hash io.Writer, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = io.Copy(hash, file)
	return err
}
