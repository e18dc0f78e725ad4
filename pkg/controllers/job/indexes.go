package job

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	batch "k8s.io/api/batch/v1"
	v1 "k8s.io/api/core/v1"
)

// span is first, first+1, ... last.
type span struct{ first, last int }

// indexes is a set of completion indexes: spans in order that do not touch.
type indexes []span

// parseIndexes reads "1,3-5,7", and keeps what is below limit. Malformed parts, which only others can have written, are
// left out.
func parseIndexes(text string, limit int) indexes {
	var set indexes
	for part := range strings.SplitSeq(text, ",") {
		from, to, isSpan := strings.Cut(part, "-")
		first, err := strconv.Atoi(from)
		if err != nil {
			continue
		}
		last := first
		if isSpan {
			if last, err = strconv.Atoi(to); err != nil {
				continue
			}
		}
		if first < limit && last >= first {
			set = append(set, span{first, min(last, limit-1)})
		}
	}
	return set
}

// with adds numbers.
func (s indexes) with(numbers ...int) indexes {
	all := slices.Clone(s)
	for _, n := range numbers {
		all = append(all, span{n, n})
	}
	slices.SortFunc(all, func(a, b span) int { return a.first - b.first })
	var merged indexes
	for _, one := range all {
		if n := len(merged); n > 0 && one.first <= merged[n-1].last+1 {
			merged[n-1].last = max(merged[n-1].last, one.last)
			continue
		}
		merged = append(merged, one)
	}
	return merged
}

func (s indexes) has(n int) bool {
	_, found := slices.BinarySearchFunc(s, n, func(one span, n int) int {
		switch {
		case n < one.first:
			return 1
		case n > one.last:
			return -1
		default:
			return 0
		}
	})
	return found
}

// count is how many numbers are in the set.
func (s indexes) count() int {
	total := 0
	for _, one := range s {
		total += one.last - one.first + 1
	}
	return total
}

// String writes the set as the API has it: spans of two as two numbers.
func (s indexes) String() string {
	var parts []string
	for _, one := range s {
		switch one.last - one.first {
		case 0:
			parts = append(parts, strconv.Itoa(one.first))
		case 1:
			parts = append(parts, strconv.Itoa(one.first), strconv.Itoa(one.last))
		default:
			parts = append(parts, fmt.Sprintf("%d-%d", one.first, one.last))
		}
	}
	return strings.Join(parts, ",")
}

// noIndex stands for pods of Jobs without indexes.
const noIndex = -1

// indexOf is the completion index of a pod, or noIndex.
func indexOf(pod *v1.Pod) int {
	n, err := strconv.Atoi(pod.Annotations[batch.JobCompletionIndexAnnotation])
	if err != nil || n < 0 {
		return noIndex
	}
	return n
}

// failuresOf is how often the index of a pod had failed before the pod, by the pod's annotation.
func failuresOf(pod *v1.Pod) int {
	return number(pod, batch.JobIndexFailureCountAnnotation)
}

// ignoredOf is how many failures of the pod's index were ignored before the pod.
func ignoredOf(pod *v1.Pod) int {
	return number(pod, batch.JobIndexIgnoredFailureCountAnnotation)
}

func number(pod *v1.Pod, annotation string) int {
	n, err := strconv.Atoi(pod.Annotations[annotation])
	if err != nil {
		return 0
	}
	return max(n, 0)
}
