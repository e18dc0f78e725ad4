package worker

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestCrashMax: the wait doubles up to the longest that is configured, also when that is shorter than the first would be.
func TestCrashMax(t *testing.T) {
	for _, test := range []struct {
		max  time.Duration
		want []time.Duration
	}{
		{CrashMax, []time.Duration{0, 10 * time.Second, 20 * time.Second, 40 * time.Second, 80 * time.Second, 160 * time.Second, CrashMax, CrashMax}},
		{30 * time.Second, []time.Duration{0, 10 * time.Second, 20 * time.Second, 30 * time.Second, 30 * time.Second}},
		{time.Second, []time.Duration{0, time.Second, time.Second}},
	} {
		now, c := time.Unix(1_000_000, 0), crash{}
		var waits []time.Duration
		for i := range test.want {
			c = c.exited(string(rune('a'+i)), now, test.max)
			waits = append(waits, c.restartAt.Sub(now))
			now = c.restartAt
		}
		if diff := cmp.Diff(test.want, waits); diff != "" {
			t.Errorf("at most %v (-want +got):\n%s", test.max, diff)
		}
	}
}
