package batch

import (
	"fmt"
	"strconv"
	"strings"
)

// interval is the indexes from first to last, both included.
type interval struct{ first, last int64 }

// parseIndexes reads a list like "1,3-5,7", rising and below completions.
func parseIndexes(list string, completions int64) ([]interval, error) {
	if list == "" {
		return nil, nil
	}
	var out []interval
	last := int64(-1)
	for text := range strings.SplitSeq(list, ",") {
		next, err := parseInterval(text, completions)
		if err != nil {
			return nil, err
		}
		if next.first <= last {
			return nil, fmt.Errorf("non-increasing order, previous: %d, current: %d", last, next.first)
		}
		out, last = append(out, next), next.last
	}
	return out, nil
}

func parseInterval(text string, completions int64) (interval, error) {
	from, to, ranged := strings.Cut(text, "-")
	first, err := readIndex(from, completions)
	if err != nil || !ranged {
		return interval{first, first}, err
	}
	last, err := readIndex(to, completions)
	if err != nil {
		return interval{}, err
	}
	if last <= first {
		return interval{}, fmt.Errorf("non-increasing order, previous: %d, current: %d", first, last)
	}
	return interval{first, last}, nil
}

func readIndex(text string, completions int64) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("cannot convert string to integer for index: %q", text)
	}
	if n >= completions {
		return 0, fmt.Errorf("too large index: %q", text)
	}
	return n, nil
}

func countIndexes(list []interval) int64 {
	var total int64
	for _, i := range list {
		total += i.last - i.first + 1
	}
	return total
}

// overlap finds the first index that is in both of two rising lists.
func overlap(a, b []interval) (index int64, found bool) {
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0].last < b[0].first:
			a = a[1:]
		case b[0].last < a[0].first:
			b = b[1:]
		default:
			return max(a[0].first, b[0].first), true
		}
	}
	return 0, false
}
