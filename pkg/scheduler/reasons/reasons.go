package reasons

import (
	"fmt"
	"slices"
)

// Histogram is the reasons with their counts ("2 Insufficient cpu"), in the order of that text.
func Histogram(counts map[string]int) []string {
	lines := make([]string, 0, len(counts))
	for reason, n := range counts {
		lines = append(lines, fmt.Sprintf("%d %s", n, reason))
	}
	slices.Sort(lines)
	return lines
}
