package report

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"os"
	"regexp"
	"strings"
)

// Result is how one spec ended.
type Result struct {
	Name    string
	Passed  bool
	Seconds float64
	// Failure is what was said of the failure, in one line.
	Failure string `json:",omitempty"`
}

type junitFile struct {
	Suites []struct {
		Cases []junitCase `xml:"testcase"`
	} `xml:"testsuite"`
}

type junitCase struct {
	Name    string  `xml:"name,attr"`
	Status  string  `xml:"status,attr"`
	Seconds float64 `xml:"time,attr"`
	Failure string  `xml:"failure"`
	Error   string  `xml:"error"`
}

// It is what the suite calls a spec, other than what comes before and after all specs.
const specPrefix = "[It] "

// ReadJUnit reads the results of the specs that ran. What failed before or after all specs is in them under its own name.
func ReadJUnit(path string) ([]Result, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read results: %w", err)
	}
	var file junitFile
	if err := xml.Unmarshal(content, &file); err != nil {
		return nil, fmt.Errorf("read results %s: %w", path, err)
	}
	var results []Result
	for _, suite := range file.Suites {
		for _, c := range suite.Cases {
			name, spec := strings.CutPrefix(c.Name, specPrefix)
			passed := c.Status == "passed"
			if c.Status == "skipped" && c.Failure+c.Error == "" || !spec && passed {
				continue
			}
			r := Result{Name: name, Passed: passed, Seconds: c.Seconds}
			if !passed {
				r.Failure = oneLine(c.Status, c.Failure+c.Error)
			}
			results = append(results, r)
		}
	}
	return results, nil
}

// Complete adds those of the specs that did not come to run.
func Complete(results []Result, specs []string) []Result {
	there := map[string]bool{}
	for _, r := range results {
		there[r.Name] = true
	}
	for _, spec := range specs {
		if !there[spec] {
			results = append(results, Result{Name: spec, Failure: "it did not run, or not to its end"})
		}
	}
	return results
}

// A failure's line has so many bytes of the beginning, and of the end, of what was said.
const (
	maxBegin = 250
	maxEnd   = 150
)

// noise are parts of a failure's text that say nothing: addresses and types of Go values.
var noise = regexp.MustCompile(`<[^>]*\| 0x[0-9a-f]+>:?|^\[(FAILED|TIMEDOUT|PANICKED|INTERRUPTED)\]|Unexpected error:|^[{}\[\]]$`)

// oneLine joins the words of a failure, which suites spread over lines, up to where it was.
func oneLine(status, text string) string {
	var words []string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "In [") {
			break
		}
		words = append(words, strings.Fields(noise.ReplaceAllString(line, ""))...)
	}
	joined := strings.Join(words, " ")
	if len(joined) > maxBegin+maxEnd {
		joined = joined[:maxBegin] + " ... " + joined[len(joined)-maxEnd:]
	}
	return cmp.Or(joined, status)
}
