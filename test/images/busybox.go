package images

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Debian's own busybox drops environment variables whose names are no shell variables, which specs look for, and its wget ends
// with a segmentation fault when it is given a time to wait (-T); so it is built as upstream ships it.

// deb-src lines are seldom among a machine's sources, and need other lists.
const sourceList = "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian %s main\n"

// Busybox builds the program from the upstream part of Debian's source package, once, and gives its path below the cache, which is
// an absolute path.
func Busybox(ctx context.Context, cache string, report func(string)) (string, error) {
	dir := filepath.Join(cache, "busybox")
	program := filepath.Join(dir, "busybox")
	if _, err := os.Stat(program); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return program, err
	}
	report("build busybox")
	// A build that was broken off is begun anew.
	if err := os.RemoveAll(dir); err != nil {
		return "", err
	}
	archive, err := fetchSource(ctx, dir, "busybox")
	if err != nil {
		return "", err
	}
	tree := filepath.Join(dir, "tree")
	if err := os.MkdirAll(tree, 0o755); err != nil {
		return "", err
	}
	if err := command(ctx, tree, "tar", "-x", "--strip-components=1", "-f", archive); err != nil {
		return "", err
	}
	if err := compile(ctx, tree); err != nil {
		return "", err
	}
	return program, os.Rename(filepath.Join(tree, "busybox"), program)
}

// compile configures all programs, for a binary without shared libraries.
func compile(ctx context.Context, tree string) error {
	if err := command(ctx, tree, "make", "-s", "defconfig"); err != nil {
		return err
	}
	config := filepath.Join(tree, ".config")
	content, err := os.ReadFile(config)
	if err != nil {
		return fmt.Errorf("read configuration of busybox: %w", err)
	}
	const dynamic, static = "# CONFIG_STATIC is not set", "CONFIG_STATIC=y"
	if !strings.Contains(string(content), dynamic) {
		return fmt.Errorf("set %s: %q is not in %s", static, dynamic, config)
	}
	if err := os.WriteFile(config, []byte(strings.Replace(string(content), dynamic, static, 1)), 0o644); err != nil {
		return fmt.Errorf("write configuration of busybox: %w", err)
	}
	return command(ctx, tree, "make", "-s", "-j2")
}

// fetchSource downloads a source package into dir and gives the path of its upstream archive. Apt checks the signatures.
func fetchSource(ctx context.Context, dir, name string) (string, error) {
	lists := filepath.Join(dir, "lists")
	for _, d := range []string{filepath.Join(lists, "partial"), filepath.Join(dir, "cache")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return "", fmt.Errorf("make directory for sources: %w", err)
		}
	}
	release, err := codename("/etc/os-release")
	if err != nil {
		return "", err
	}
	sources := filepath.Join(dir, "sources.list")
	if err := os.WriteFile(sources, fmt.Appendf(nil, sourceList, release), 0o644); err != nil {
		return "", fmt.Errorf("write list of sources: %w", err)
	}
	options := []string{"-qq", "-o", "Dir::Etc::sourcelist=" + sources, "-o", "Dir::Etc::sourceparts=-", "-o", "Dir::State::lists=" + lists,
		"-o", "Dir::Cache=" + filepath.Join(dir, "cache"), "-o", "APT::Sandbox::User=root"}
	for _, args := range [][]string{{"update"}, {"source", "--download-only", name}} {
		if err := command(ctx, dir, "apt-get", append(options, args...)...); err != nil {
			return "", err
		}
	}
	found, err := filepath.Glob(filepath.Join(dir, name+"_*.orig.tar.*"))
	if err != nil || len(found) != 1 {
		return "", fmt.Errorf("find upstream archive of %s in %s: have %v, %v", name, dir, found, err)
	}
	return found[0], nil
}

// codename reads which release of Debian this is.
func codename(file string) (string, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("find out the release: %w", err)
	}
	for line := range strings.Lines(string(content)) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "VERSION_CODENAME="); ok {
			return name, nil
		}
	}
	return "", fmt.Errorf("find out the release: no VERSION_CODENAME in %s", file)
}

func command(ctx context.Context, dir, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("run %s %s: %w:\n%s", name, args[0], err, last(string(out), 20))
	}
	return nil
}

// last gives the last n lines.
func last(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
