package report

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/proa-sh/proa/test/conformance/suite"
)

// Table writes a line for each SIG: specs that passed and failed, and the seconds that they took together.
func (r Run) Table(w io.Writer) {
	type row struct {
		sig            string
		passed, failed int
		seconds        float64
	}
	rows := map[string]*row{}
	total := &row{sig: "all"}
	for _, result := range r.Results {
		sig := suite.SIG(result.Name)
		if rows[sig] == nil {
			rows[sig] = &row{sig: sig}
		}
		for _, to := range []*row{rows[sig], total} {
			to.seconds += result.Seconds
			if result.Passed {
				to.passed++
			} else {
				to.failed++
			}
		}
	}
	var sorted []*row
	for _, one := range rows {
		sorted = append(sorted, one)
	}
	slices.SortFunc(sorted, func(a, b *row) int { return cmp.Compare(a.sig, b.sig) })
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "SIG\tpassed\tfailed\tseconds\t")
	for _, one := range append(sorted, total) {
		fmt.Fprintf(t, "%s\t%d\t%d\t%.0f\t\n", one.sig, one.passed, one.failed, one.seconds)
	}
	t.Flush()
}

// Failures writes each failed spec and below it the first line of its error.
func (r Run) Failures(w io.Writer) {
	failed := slices.DeleteFunc(slices.Clone(r.Results), func(one Result) bool { return one.Passed })
	slices.SortFunc(failed, func(a, b Result) int { return cmp.Compare(a.Name, b.Name) })
	for _, one := range failed {
		fmt.Fprintf(w, "%s (%.0f s)\n    %s\n", one.Name, one.Seconds, one.Failure)
	}
}

// Times are the seconds that passed specs took.
func (r Run) Times() map[string]float64 {
	times := map[string]float64{}
	for _, one := range r.Results {
		if one.Passed {
			times[one.Name] = one.Seconds
		}
	}
	return times
}

// ReadTimes reads seconds and names, separated by a tab, from the lines of a file.
func ReadTimes(path string) (map[string]float64, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read times: %w", err)
	}
	defer file.Close()
	times := map[string]float64{}
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "#") {
			continue
		}
		seconds, name, _ := strings.Cut(lines.Text(), "\t")
		if times[name], err = strconv.ParseFloat(seconds, 64); err != nil {
			return nil, fmt.Errorf("read times %s: %w", path, err)
		}
	}
	return times, lines.Err()
}

// Pair is a spec that passed in two runs.
type Pair struct {
	Name          string
	Other, Before float64
}

// aside keeps short specs, whose times are chance, from having large ratios. In seconds.
const aside = 1

// Ratio is how much longer it took than before.
func (p Pair) Ratio() float64 { return (p.Other + aside) / (p.Before + aside) }

// Compare pairs the specs that are in both, those first that took longest against before.
func Compare(other, before map[string]float64) []Pair {
	var pairs []Pair
	for name, seconds := range other {
		if old, both := before[name]; both {
			pairs = append(pairs, Pair{Name: name, Other: seconds, Before: old})
		}
	}
	slices.SortFunc(pairs, func(a, b Pair) int {
		return cmp.Or(cmp.Compare(b.Ratio(), a.Ratio()), cmp.Compare(a.Name, b.Name))
	})
	return pairs
}

// WritePairs writes a line for each.
func WritePairs(w io.Writer, pairs []Pair) {
	var other, before float64
	for _, p := range pairs {
		fmt.Fprintf(w, "%5.2f  %7.1f s / %7.1f s  %s\n", p.Ratio(), p.Other, p.Before, p.Name)
		other, before = other+p.Other, before+p.Before
	}
	fmt.Fprintf(w, "%d specs: %.0f s / %.0f s\n", len(pairs), other, before)
}
