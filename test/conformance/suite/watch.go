package suite

import (
	"bytes"
	"cmp"
	"fmt"
	"regexp"
	"strings"
)

// ended is the line with which ginkgo begins what it says of a spec, as in "• [FAILED] [12.3 seconds]". The name follows.
var ended = regexp.MustCompile(`^• (?:\[(\S+)\] )?\[([0-9.]+) seconds\]`)

// watcher finds the ends of specs in ginkgo's output. With several processes the name comes after that line, with one
// before what the spec itself says.
type watcher struct {
	report      func(string)
	total, done int
	// rest is the line that is not whole yet.
	rest string
	// name is of the spec that runs; header was said of the one whose name is to come.
	name, header string
	// failed is set while the reason of a failure is to come.
	failed bool
}

func (w *watcher) Write(output []byte) (int, error) {
	for _, part := range bytes.SplitAfter(output, []byte("\n")) {
		w.rest += string(part)
		if strings.HasSuffix(w.rest, "\n") {
			w.line(strings.TrimSpace(w.rest))
			w.rest = ""
		}
	}
	return len(output), nil
}

func (w *watcher) line(line string) {
	if strings.HasPrefix(line, "----------") {
		w.name, w.header, w.failed = "", "", false
	} else if found := ended.FindStringSubmatch(line); found != nil {
		w.failed = found[1] != ""
		w.header = fmt.Sprintf("%-7s %7ss", cmp.Or(strings.ToLower(found[1]), "passed"), found[2])
	} else if w.name == "" && strings.HasPrefix(line, "[sig-") {
		w.name = strings.ReplaceAll(line, "[It] ", "")
		if before, _, found := strings.Cut(w.name, mark); found { // without labels
			w.name = before + mark
		}
	}
	// The same words, followed by a place, stand where it happened.
	if reason, found := strings.CutPrefix(line, "[FAILED] "); found && w.failed && !strings.HasPrefix(reason, "in [") {
		w.report(fmt.Sprintf("%20s%.200s", "", reason))
		w.failed = false
	}
	if w.name != "" && w.header != "" {
		w.done++
		w.report(fmt.Sprintf("%3d/%d %s  %s", w.done, w.total, w.header, w.name))
		w.name, w.header = "", ""
	}
}
