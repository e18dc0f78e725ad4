package suite

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
)

// List asks the suite for the names of its conformance specs, or of every spec that it has.
func List(ctx context.Context, program string, every bool) ([]string, error) {
	out, err := exec.CommandContext(ctx, program, "--list-tests").Output()
	if err != nil {
		return nil, fmt.Errorf("ask the suite for its specs: %w", err)
	}
	specs := parseList(string(out), every)
	if len(specs) == 0 {
		return nil, fmt.Errorf("ask the suite for its specs: %q has none", program)
	}
	return specs, nil
}

// mark is what the names of conformance specs end with.
const mark = "[Conformance]"

// location is the file and line that the suite prints before a name.
var location = regexp.MustCompile(`^\s*\S+\.go:\d+: `)

func parseList(text string, every bool) []string {
	var specs []string
	for line := range strings.Lines(text) {
		name := strings.TrimSpace(location.ReplaceAllString(line, ""))
		if strings.HasPrefix(name, "[sig-") && (every || strings.HasSuffix(name, mark)) {
			specs = append(specs, name)
		}
	}
	slices.Sort(specs)
	return slices.Compact(specs)
}

// Selection says which specs to run. An empty one is all.
type Selection struct {
	// Focus is a regular expression that names match; SIG the group, as in node.
	Focus, SIG string
	// Names are the only ones to run.
	Names []string
}

// All says whether nothing is left out.
func (s Selection) All() bool { return s.Focus == "" && s.SIG == "" && s.Names == nil }

// Of gives the selected ones. Selected names that there are not are an error.
func (s Selection) Of(specs []string) ([]string, error) {
	focus, err := regexp.Compile(s.Focus)
	if err != nil {
		return nil, fmt.Errorf("read focus: %w", err)
	}
	for _, name := range s.Names {
		if !slices.Contains(specs, name) {
			return nil, fmt.Errorf("select specs: there is no %q", name)
		}
	}
	var selected []string
	for _, spec := range specs {
		named := s.Names == nil || slices.Contains(s.Names, spec)
		if named && focus.MatchString(spec) && (s.SIG == "" || SIG(spec) == s.SIG) {
			selected = append(selected, spec)
		}
	}
	if len(selected) == 0 {
		return nil, fmt.Errorf("select specs: none of %d matches", len(specs))
	}
	return selected, nil
}

// SIG is the group that owns a spec, as in node.
func SIG(spec string) string {
	sig, _, _ := strings.Cut(strings.TrimPrefix(spec, "[sig-"), "]")
	return sig
}

// Serial says whether a spec must run alone.
func Serial(spec string) bool { return strings.Contains(spec, "[Serial]") }

// Split parts the specs that run in parallel from the serial ones.
func Split(specs []string) (parallel, serial []string) {
	for _, spec := range specs {
		if Serial(spec) {
			serial = append(serial, spec)
		} else {
			parallel = append(parallel, spec)
		}
	}
	return parallel, serial
}

// ReadList reads names of specs from a file, one a line. Empty lines and those that begin with # are left out.
func ReadList(path string) ([]string, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read list of specs: %w", err)
	}
	var names []string
	for line := range strings.Lines(string(content)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			names = append(names, line)
		}
	}
	return names, nil
}
