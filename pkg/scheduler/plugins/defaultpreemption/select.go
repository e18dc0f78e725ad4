package defaultpreemption

import (
	"math"

	"k8s.io/component-helpers/scheduling/corev1"
)

// best is the candidate that does least harm. The criteria are tried in turn, until one candidate is left: fewest broken
// budgets; least important most important victim; lowest sum of priorities; fewest victims; the most important victim
// has run for the shortest time; and else the first.
func best(candidates []candidate) candidate {
	criteria := []func(candidate) int64{
		func(c candidate) int64 { return int64(c.violations) },
		func(c candidate) int64 { return highestPriority(c) },
		sumOfPriorities,
		func(c candidate) int64 { return int64(len(c.victims)) },
		func(c candidate) int64 { return -earliestStart(c) },
	}
	for _, harm := range criteria {
		candidates = least(candidates, harm)
		if len(candidates) == 1 {
			break
		}
	}
	return candidates[0]
}

// least is the candidates with the lowest value.
func least(candidates []candidate, value func(candidate) int64) []candidate {
	var kept []candidate
	lowest := int64(math.MaxInt64)
	for _, c := range candidates {
		v := value(c)
		if v > lowest {
			continue
		}
		if v < lowest {
			lowest, kept = v, nil
		}
		kept = append(kept, c)
	}
	return kept
}

func highestPriority(c candidate) int64 {
	if len(c.victims) == 0 {
		return math.MinInt32
	}
	return int64(corev1.PodPriority(c.victims[0]))
}

// sumOfPriorities makes all priorities positive, so that fewer pods of negative priority are not worse than more.
func sumOfPriorities(c candidate) int64 {
	var sum int64
	for _, v := range c.victims {
		sum += int64(corev1.PodPriority(v)) + math.MaxInt32 + 1
	}
	return sum
}

// earliestStart is when the first of the most important victims was started, in nanoseconds.
func earliestStart(c candidate) int64 {
	earliest := int64(math.MaxInt64)
	for _, v := range c.victims {
		if int64(corev1.PodPriority(v)) == highestPriority(c) {
			earliest = min(earliest, startTime(v).UnixNano())
		}
	}
	return earliest
}
