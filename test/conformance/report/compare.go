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
)

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

// WriteChanges names the specs that passed in one run and failed in the other.
func WriteChanges(w io.Writer, other, before Run) {
	passed := map[string]bool{}
	for _, r := range before.Results {
		passed[r.Name] = r.Passed
	}
	for _, r := range other.Results {
		switch was, ran := passed[r.Name]; {
		case !ran || was == r.Passed:
		case r.Passed:
			fmt.Fprintf(w, "passes now: %s\n", r.Name)
		default:
			fmt.Fprintf(w, "fails now:  %s\n", r.Name)
		}
	}
}

// Stable gives the specs that passed in every run and took at most so many seconds by the times before, in order.
func Stable(runs []Run, before map[string]float64, within float64) []string {
	passes := map[string]int{}
	for _, run := range runs {
		for name := range run.Times() {
			passes[name]++
		}
	}
	var stable []string
	for name, seconds := range before {
		if passes[name] == len(runs) && seconds <= within {
			stable = append(stable, name)
		}
	}
	slices.Sort(stable)
	return stable
}
