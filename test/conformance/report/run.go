package report

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Run is a run of the suite as it is kept in its directory.
type Run struct {
	Began time.Time
	// Wall are the seconds that the parts took, as in "parallel".
	Wall map[string]float64
	// Commit and Machine say what ran where.
	Commit, Machine string
	Nodes, Procs    int
	// Upstream are the components that were not ours.
	Upstream []string `json:",omitempty"`
	// Full is whether all specs were run, and none broken off.
	Full    bool
	Results []Result
}

const runFile = "run.json"

// Write keeps a run in its directory.
func (r Run) Write(dir string) error {
	content, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return fmt.Errorf("encode run: %w", err)
	}
	return os.WriteFile(filepath.Join(dir, runFile), content, 0o644)
}

// Read reads a run from its directory.
func Read(dir string) (Run, error) {
	var r Run
	content, err := os.ReadFile(filepath.Join(dir, runFile))
	if err != nil {
		return r, fmt.Errorf("read run: %w", err)
	}
	if err := json.Unmarshal(content, &r); err != nil {
		return r, fmt.Errorf("read run %s: %w", dir, err)
	}
	return r, nil
}

// Failed are the names of the specs that failed.
func (r Run) Failed() []string {
	var names []string
	for _, result := range r.Results {
		if !result.Passed {
			names = append(names, result.Name)
		}
	}
	return names
}

// All reads the runs that match, the newest first, from the directory of all results.
func All(results string, match func(Run) bool) ([]Run, error) {
	found, err := filepath.Glob(filepath.Join(results, "*", runFile))
	if err != nil {
		return nil, fmt.Errorf("look for runs: %w", err)
	}
	slices.Sort(found) // they are named for their time
	var runs []Run
	for _, file := range slices.Backward(found) {
		run, err := Read(filepath.Dir(file))
		if err != nil {
			return nil, err
		}
		if match(run) {
			runs = append(runs, run)
		}
	}
	if len(runs) == 0 {
		return nil, fmt.Errorf("look for runs: there is no such run in %s", results)
	}
	return runs, nil
}

// FailedSpecs are those of the failed that are specs, and not what comes before or after all of them.
func (r Run) FailedSpecs() []string {
	return slices.DeleteFunc(r.Failed(), func(name string) bool { return !strings.HasPrefix(name, "[sig-") })
}

// Walls says how long the parts took.
func (r Run) Walls() string {
	passed := len(r.Results) - len(r.Failed())
	text := fmt.Sprintf("%d of %d passed", passed, len(r.Results))
	for _, part := range slices.Sorted(maps.Keys(r.Wall)) {
		text += fmt.Sprintf(", %s part %.0f s", part, r.Wall[part])
	}
	return text
}
