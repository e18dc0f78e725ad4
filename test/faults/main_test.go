package faults

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/proa-sh/proa/test/e2e/box"
)

// What is asked for.
var (
	number = flag.Int("faults", 0, "how many faults there are to be; 0 is each kind once")
	seed   = flag.Int64("seed", 1, "number that the sequence of faults follows from")
	only   = flag.String("kinds", "", "kinds of faults, separated by commas (default: all)")
	goOn   = flag.Bool("go-on", false, "go on after what should not be was found")
	leaks  = flag.Duration("leaks", 0, "how long addresses and ports of Services that are gone may stay taken; 0 does not wait for them")
)

const (
	// patience bounds every wait of the tests, and comeback the time in which a cluster must be well again after a fault.
	patience = 90 * time.Second
	comeback = 2 * time.Minute
	// diskSize is that of the cluster's file system, in bytes. It takes as much of the machine's as is written.
	diskSize = 3 << 30
)

func TestMain(m *testing.M) {
	reset := func() error {
		if out, err := proa("reset", "--yes"); err != nil {
			return fmt.Errorf("take down the test cluster: %w: %s", err, out)
		}
		return nil
	}
	os.Exit(box.Box{Prefix: "pf", Prepare: prepare, Finally: reset}.Main(m))
}

// Places of the test.
func diskDir() string       { return filepath.Join(box.Dir(), "m") }
func dataDir() string       { return filepath.Join(diskDir(), "d") }
func binDir() string        { return filepath.Join(box.Dir(), "bin") }
func journalFile() string   { return filepath.Join(box.Dir(), "journal.log") }
func killpointFile() string { return filepath.Join(box.Dir(), "killpoint") }

// prepare makes the machine: a network, directories that nobody else writes to, a disk and a directory of programs.
func prepare() error {
	for _, dir := range []string{"/run", "/var/lib/cni"} {
		if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err := unix.Mount("tmpfs", dir, "tmpfs", 0, ""); err != nil {
			return fmt.Errorf("mount on %s: %w", dir, err)
		}
	}
	if _, err := box.MakeNetwork(); err != nil {
		return err
	}
	if err := makeDisk(); err != nil {
		return err
	}
	return collectPrograms()
}

// makeDisk mounts a file system in a file. It ends with the namespaces.
func makeDisk() error {
	file := filepath.Join(box.Dir(), "disk")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		return err
	}
	if err := errors.Join(os.Truncate(file, diskSize), os.Mkdir(diskDir(), 0o755)); err != nil {
		return err
	}
	for _, command := range [][]string{{"mkfs.ext4", "-q", "-m", "0", file}, {"mount", "-o", "loop", file, diskDir()}} {
		if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%v: %w: %s", command, err, out)
		}
	}
	return nil
}

// collectPrograms makes one directory of those that were built for faults and all others.
func collectPrograms() error {
	if err := os.Mkdir(binDir(), 0o755); err != nil {
		return err
	}
	for _, from := range []string{"../../bin/faults", "../../bin"} {
		entries, err := os.ReadDir(from)
		if err != nil {
			return fmt.Errorf("find programs (make tools build images faults-build): %w", err)
		}
		for _, entry := range entries {
			path, err := filepath.Abs(filepath.Join(from, entry.Name()))
			if err == nil {
				err = os.Symlink(path, filepath.Join(binDir(), entry.Name()))
			}
			if err != nil && !errors.Is(err, os.ErrExist) {
				return err
			}
		}
	}
	return os.Setenv("PROA_KILLPOINT", killpointFile())
}

// keepLogs copies what tells of a failure to a place that stays, and gives it.
func keepLogs() (string, error) {
	to, err := filepath.Abs(filepath.Join("../../bin/faults-logs", time.Now().Format("20060102-150405")))
	if err != nil {
		return "", err
	}
	found := []string{journalFile()}
	for _, pattern := range []string{"log/*", "nodes/*/log/*", "nodes/*/*.log"} {
		more, err := filepath.Glob(filepath.Join(dataDir(), pattern))
		if err != nil {
			return "", err
		}
		found = append(found, more...)
	}
	for _, file := range found {
		name, err := filepath.Rel(box.Dir(), file)
		if err != nil {
			return "", err
		}
		content, err := os.ReadFile(file)
		if err != nil {
			continue // a directory
		}
		if err := os.MkdirAll(filepath.Dir(filepath.Join(to, name)), 0o755); err != nil {
			return "", err
		}
		if err := os.WriteFile(filepath.Join(to, name), content, 0o644); err != nil {
			return "", err
		}
	}
	return to, nil
}
