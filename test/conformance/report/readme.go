package report

import (
	"bytes"
	"fmt"
	"os"
	"strings"
)

// The README's last results are between these lines.
const (
	begin = "<!-- last results, written by `make conformance-readme` -->\n"
	end   = "<!-- end of last results -->\n"
)

// WriteREADME replaces the last results in the file: the first run with all that is known of it, the others as far as they
// differ.
func WriteREADME(path string, runs []Run) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read README: %w", err)
	}
	text, err := replaceResult(string(content), runs)
	if err != nil {
		return fmt.Errorf("write README %s: %w", path, err)
	}
	return os.WriteFile(path, []byte(text), 0o644)
}

func replaceResult(text string, runs []Run) (string, error) {
	before, rest, found := strings.Cut(text, begin)
	_, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		return "", fmt.Errorf("it has no lines %q and %q", begin, end)
	}
	var out bytes.Buffer
	out.WriteString("\n")
	for i, run := range runs {
		fmt.Fprintf(&out, "%s%s: %s\n\n", run.Began.UTC().Format("2006-01-02 15:04 MST"), run.components(), run.Walls())
		fmt.Fprintf(&out, "Commit %s; %d node(s); %d processes; %s\n\n", run.Commit, run.Nodes, run.Procs, run.Machine)
		failed := len(run.Failed()) > 0
		if i > 0 && !failed {
			continue
		}
		out.WriteString("```\n")
		if i == 0 {
			run.Table(&out)
		}
		if i == 0 && failed {
			out.WriteString("\n")
		}
		run.Failures(&out)
		out.WriteString("```\n\n")
	}
	return before + begin + out.String() + end + after, nil
}

// components says which components were not ours.
func (r Run) components() string {
	if len(r.Upstream) == 0 {
		return ""
	}
	return ", upstream's " + strings.Join(r.Upstream, ", ")
}
