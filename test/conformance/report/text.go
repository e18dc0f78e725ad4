package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
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
