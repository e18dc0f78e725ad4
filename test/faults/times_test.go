package faults

import (
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"
)

// times are how long it took, from a fault on, until a cluster answered a write, said that it is ready, and was well in all parts.
type times struct{ answered, ready, healthy time.Duration }

func (t times) each() []time.Duration { return []time.Duration{t.answered, t.ready, t.healthy} }

// table is the times by the kinds of faults.
type table map[string][]times

// print prints medians, 99th percentiles and the longest, and those of all kinds together last.
func (t table) print(out io.Writer) {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "FAULT\tNUMBER\tANSWERED p50\tp99\tmax\tREADY p50\tp99\tmax\tHEALTHY p50\tp99\tmax")
	var all []times
	for _, kind := range slices.Sorted(maps.Keys(t)) {
		printLine(w, kind, t[kind])
		all = append(all, t[kind]...)
	}
	printLine(w, "all", all)
	w.Flush()
}

func printLine(out io.Writer, kind string, list []times) {
	line := []string{kind, fmt.Sprint(len(list))}
	for i := range (times{}).each() {
		var of []time.Duration
		for _, one := range list {
			of = append(of, one.each()[i])
		}
		for _, part := range []float64{0.5, 0.99, 1} {
			line = append(line, fmt.Sprintf("%.2f s", percentile(of, part).Seconds()))
		}
	}
	fmt.Fprintln(out, strings.Join(line, "\t"))
}

// percentile is the smallest time that is not below so large a part of all (nearest rank); 0 of none.
func percentile(list []time.Duration, part float64) time.Duration {
	if len(list) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(list))
	return sorted[int(math.Ceil(part*float64(len(sorted))))-1]
}

func TestPercentile(t *testing.T) {
	var list []time.Duration
	for i := range 200 {
		list = append(list, time.Duration(200-i))
	}
	for part, want := range map[float64]time.Duration{0.005: 1, 0.5: 100, 0.99: 198, 1: 200} {
		if got := percentile(list, part); got != want {
			t.Errorf("percentile %v of 1 to 200 is %d, want %d", part, got, want)
		}
	}
	if got := percentile(list[:1], 0.5); got != 200 {
		t.Errorf("median of one: %d", got)
	}
}
