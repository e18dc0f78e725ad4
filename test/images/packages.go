package images

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/proa-sh/proa/pkg/cluster/images"
)

// debian resolves and fetches packages with apt, as for a machine on which nothing is installed.
type debian struct {
	// cache keeps what has been fetched.
	cache string
}

// debFile is one package as apt names it. The file's name has the version in it.
type debFile struct {
	Name, File, Size string
}

// apt runs apt-get on an empty machine whose package cache is ours.
func (d debian) apt(ctx context.Context, args ...string) ([]byte, error) {
	status := filepath.Join(d.cache, "status")
	for _, dir := range []string{"archives/partial"} {
		if err := os.MkdirAll(filepath.Join(d.cache, dir), 0o755); err != nil {
			return nil, fmt.Errorf("make package cache: %w", err)
		}
	}
	if err := os.WriteFile(status, nil, 0o644); err != nil {
		return nil, fmt.Errorf("make package cache: %w", err)
	}
	options := []string{"-qq", "-y", "--no-install-recommends", "-o", "Dir::State::status=" + status,
		"-o", "Dir::Cache::archives=" + filepath.Join(d.cache, "archives"), "-o", "APT::Sandbox::User=root"}
	cmd := exec.CommandContext(ctx, "apt-get", append(options, args...)...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("apt-get %s (has apt-get update been run?): %w: %s", args[0], err, strings.TrimSpace(stderr.String()))
	}
	return out, nil
}

// resolve gives the packages with all that they depend on, but for the unneeded.
func (d debian) resolve(ctx context.Context, names []string) ([]debFile, error) {
	// With an empty cache, so that apt names all of them and not only those that are not fetched yet.
	empty, err := os.MkdirTemp("", "proa-apt-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(empty)
	out, err := debian{cache: empty}.apt(ctx, append([]string{"install", "--print-uris"}, names...)...)
	if err != nil {
		return nil, err
	}
	all, err := parseURIs(string(out))
	return slices.DeleteFunc(all, func(f debFile) bool {
		return slices.Contains(unneeded(), f.Name) && !slices.Contains(names, f.Name)
	}), err
}

// parseURIs reads what apt-get --print-uris prints: 'URI' file size, and a hash or none.
func parseURIs(text string) ([]debFile, error) {
	var files []debFile
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 3 || !strings.HasPrefix(fields[0], "'") {
			return nil, fmt.Errorf("read apt's answer %q: not a package", line)
		}
		name, _, found := strings.Cut(fields[1], "_")
		if !found {
			return nil, fmt.Errorf("read apt's answer %q: no package name", line)
		}
		files = append(files, debFile{Name: name, File: fields[1], Size: fields[2]})
	}
	slices.SortFunc(files, func(a, b debFile) int { return strings.Compare(a.Name, b.Name) })
	return files, nil
}

// fetch downloads what is not in the cache and gives the paths.
func (d debian) fetch(ctx context.Context, names []string, files []debFile) ([]string, error) {
	var paths []string
	missing := false
	for _, f := range files {
		p := filepath.Join(d.cache, "archives", path.Base(f.File))
		paths = append(paths, p)
		if _, err := os.Stat(p); errors.Is(err, fs.ErrNotExist) {
			missing = true
		}
	}
	if missing {
		// apt checks sizes, hashes and signatures.
		if _, err := d.apt(ctx, append([]string{"install", "--download-only"}, names...)...); err != nil {
			return nil, err
		}
	}
	return paths, nil
}

// Packages are Debian's, with what they depend on, as they are unpacked for images that are built elsewhere.
type Packages struct {
	debian debian
	names  []string
	// Files are the names of the packages' files, which have the versions in them.
	files []debFile
}

// Resolve finds the packages and what they depend on. What is fetched is kept in cache, an absolute path.
func Resolve(ctx context.Context, cache string, names []string) (Packages, error) {
	p := Packages{debian: debian{cache: cache}, names: names}
	var err error
	p.files, err = p.debian.resolve(ctx, names)
	return p, err
}

// Versions tells one set of packages from another.
func (p Packages) Versions() []string {
	var versions []string
	for _, f := range p.files {
		versions = append(versions, f.File)
	}
	return versions
}

// Unpack gives the packages' files, without what no program needs.
func (p Packages) Unpack(ctx context.Context) ([]images.File, error) {
	files, err := p.debian.unpacked(ctx, p.names, p.files)
	return prune(files), err
}

func (d debian) unpacked(ctx context.Context, names []string, packages []debFile) ([]images.File, error) {
	paths, err := d.fetch(ctx, names, packages)
	if err != nil {
		return nil, err
	}
	var files []images.File
	for _, p := range paths {
		unpacked, err := unpack(ctx, p)
		if err != nil {
			return nil, err
		}
		files = append(files, unpacked...)
	}
	return files, nil
}
