// Command planted shows that the histories and the random walk find faults: it puts one after the other into the sources,
// by an overlay that leaves the files alone, and runs the tests, which must fail.
//
// It is run from the root of the project: go run ./test/histories/planted [-fault NAME] [-steps N] [-seeds N]
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

func main() {
	only := flag.String("fault", "", "plant this fault alone")
	steps := flag.Int("steps", 500, "steps of a random walk")
	seeds := flag.Int("seeds", 6, "random walks")
	flag.Parse()
	missed := 0
	for _, f := range faults {
		if *only != "" && *only != f.name {
			continue
		}
		start := time.Now()
		by, err := f.foundBy(*seeds, *steps)
		if err != nil {
			fmt.Fprintf(os.Stderr, "plant %s: %v\n", f.name, err)
			os.Exit(1)
		}
		if by == "" {
			by, missed = "MISSED", missed+1
		}
		fmt.Printf("%-32s %-48s %5.1f s\n", f.name, by, time.Since(start).Seconds())
	}
	if missed > 0 {
		fmt.Printf("%d faults were not found\n", missed)
		os.Exit(1)
	}
}

// foundBy plants a fault and returns the first test that fails with it; "" means that all pass.
func (f fault) foundBy(seeds, steps int) (string, error) {
	dir, err := os.MkdirTemp("", "planted")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	overlay, err := f.overlay(dir)
	if err != nil {
		return "", err
	}
	binary := filepath.Join(dir, "histories.test")
	build := exec.Command("go", "test", "-overlay", overlay, "-c", "-o", binary, "./test/histories")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build tests: %w\n%s", err, out)
	}
	for _, tests := range []string{"TestHistories", "TestWalk$"} {
		run := exec.Command(binary, "-test.run", tests, "-test.timeout", "5m", fmt.Sprintf("-seeds=%d", seeds), fmt.Sprintf("-steps=%d", steps))
		run.Dir = "test/histories"
		out, err := run.CombinedOutput()
		if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
			return "", err
		}
		if err != nil {
			return failed(string(out)), nil
		}
	}
	return "", nil
}

// failed is the name of the innermost test that an output names as failed first.
func failed(out string) string {
	name := "the program ended"
	for line := range strings.Lines(out) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), "--- FAIL: "); ok {
			name, _, _ = strings.Cut(rest, " ")
			if strings.Contains(name, "/") {
				return name
			}
		}
	}
	return name
}

// overlay writes the changed file and the description of it that the go command takes.
func (f fault) overlay(dir string) (string, error) {
	text, err := os.ReadFile(f.file)
	if err != nil {
		return "", err
	}
	if strings.Count(string(text), f.right) != 1 {
		return "", fmt.Errorf("%s does not have the text to change just once: %q", f.file, f.right)
	}
	changed := filepath.Join(dir, filepath.Base(f.file))
	if err := os.WriteFile(changed, []byte(strings.Replace(string(text), f.right, f.wrong, 1)), 0o644); err != nil {
		return "", err
	}
	absolute, err := filepath.Abs(f.file)
	if err != nil {
		return "", err
	}
	data, err := json.Marshal(map[string]map[string]string{"Replace": {absolute: changed}})
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "overlay.json")
	return path, os.WriteFile(path, data, 0o644)
}
