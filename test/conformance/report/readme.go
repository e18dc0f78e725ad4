package report

import (
	"bytes"
	"fmt"
	"os"
	"strings"
)

// The README's last result is between these lines.
const (
	begin = "<!-- last result, written by `make conformance-readme` -->\n"
	end   = "<!-- end of last result -->\n"
)

// WriteREADME replaces the last result in the file.
func WriteREADME(path string, run Run) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read README: %w", err)
	}
	text, err := replaceResult(string(content), run)
	if err != nil {
		return fmt.Errorf("write README %s: %w", path, err)
	}
	return os.WriteFile(path, []byte(text), 0o644)
}

func replaceResult(text string, run Run) (string, error) {
	before, rest, found := strings.Cut(text, begin)
	_, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		return "", fmt.Errorf("it has no lines %q and %q", begin, end)
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "\n%s: %s\n\n", run.Began.UTC().Format("2006-01-02 15:04 MST"), run.Walls())
	fmt.Fprintf(&out, "Commit %s; %d node(s); %d processes; %s\n\n```\n", run.Commit, run.Nodes, run.Procs, run.Machine)
	run.Table(&out)
	if len(run.Failed()) > 0 {
		fmt.Fprintln(&out)
		run.Failures(&out)
	}
	out.WriteString("```\n\n")
	return before + begin + out.String() + end + after, nil
}
