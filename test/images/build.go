package images

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/proa-sh/proa/pkg/cluster/images"
)

// recipe changes when this package makes other images of the same packages and entries.
const recipe = 2

// Build makes the archives of the entries in dir, those that are not there already. It calls report with a line for each.
func Build(ctx context.Context, dir string, entries []Entry, report func(string)) error {
	dir, err := filepath.Abs(dir) // apt takes others to be below its own directories
	if err != nil {
		return fmt.Errorf("find directory of images: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make directory of images: %w", err)
	}
	d := debian{cache: filepath.Join(dir, ".packages")}
	for _, entry := range entries {
		if err := d.build(ctx, dir, entry, report); err != nil {
			return fmt.Errorf("build image %s: %w", entry.Name, err)
		}
	}
	return nil
}

func (d debian) build(ctx context.Context, dir string, entry Entry, report func(string)) error {
	var packages []debFile
	var err error
	if len(entry.Packages) > 0 {
		if packages, err = d.resolve(ctx, entry.Packages); err != nil {
			return err
		}
	}
	key, err := keyOf(entry, packages)
	if err != nil {
		return err
	}
	archive, keyFile := filepath.Join(dir, entry.Name+".tar"), filepath.Join(dir, "."+entry.Name+".key")
	if old, err := os.ReadFile(keyFile); err == nil && string(old) == key {
		if _, err := os.Stat(archive); err == nil {
			report(entry.Name + ": up to date")
			return nil
		}
	}
	files, err := d.files(ctx, entry.Packages, packages, report)
	if err != nil {
		return err
	}
	files = append(files, commonFiles()...)
	image, err := images.Build(images.Spec{Files: append(files, entry.Files...), Config: entry.Config})
	if err != nil {
		return err
	}
	var named []images.Named
	for _, tag := range entry.Tags {
		named = append(named, images.Named{Name: tag, Image: image})
	}
	if err := images.WriteArchive(archive, named); err != nil {
		return err
	}
	report(fmt.Sprintf("%s: %d packages, %s", entry.Name, len(packages), strings.Join(entry.Tags, ", ")))
	return os.WriteFile(keyFile, []byte(key), 0o644)
}

// keyOf is the same for the same image.
func keyOf(entry Entry, packages []debFile) (string, error) {
	content, err := json.Marshal(struct {
		Recipe   int
		Entry    Entry
		Packages []debFile
		Common   []images.File
		Unneeded [2][]string
	}{recipe, entry, packages, commonFiles(), [2][]string{unneeded(), unneededPaths()}})
	if err != nil {
		return "", fmt.Errorf("encode inputs: %w", err)
	}
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:]), nil
}

// files unpacks the packages, prunes them, and adds busybox with the names of its programs that no package has.
func (d debian) files(ctx context.Context, names []string, packages []debFile, report func(string)) ([]images.File, error) {
	shell, err := Busybox(ctx, d.cache, report)
	if err != nil {
		return nil, fmt.Errorf("build busybox: %w", err)
	}
	content, err := os.ReadFile(shell)
	if err != nil {
		return nil, fmt.Errorf("read busybox: %w", err)
	}
	applets, err := Applets(ctx, content)
	if err != nil {
		return nil, err
	}
	files, err := d.unpacked(ctx, names, packages)
	if err != nil {
		return nil, err
	}
	// Before the packages' files, which count more.
	return slices.Concat(applets, []images.File{{Path: busyboxPath, Content: content, Mode: 0o755}}, prune(files)), nil
}

// busyboxPath is where its program is in an image.
const busyboxPath = "/usr/bin/busybox"

// Applets makes a link for every program that a busybox can be, which it says itself. The links lead to /usr/bin/busybox.
func Applets(ctx context.Context, busybox []byte) ([]images.File, error) {
	dir, err := os.MkdirTemp("", "proa-busybox-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, "busybox")
	if err := os.WriteFile(program, busybox, 0o700); err != nil {
		return nil, err
	}
	out, err := exec.CommandContext(ctx, program, "--list").Output()
	if err != nil {
		return nil, fmt.Errorf("ask busybox for its programs: %w", err)
	}
	var links []images.File
	for _, name := range strings.Fields(string(out)) {
		if name != "busybox" {
			links = append(links, images.File{Path: "/usr/bin/" + name, Link: busyboxPath})
		}
	}
	return links, nil
}
