package histories

import (
	"flag"
	"fmt"
	"testing"
	"testing/synctest"
)

var (
	seeds = flag.Int("seeds", 4, "how many random walks are taken")
	first = flag.Uint64("first-seed", 0, "the seed of the first walk")
	steps = flag.Int("steps", 500, "how many steps a random walk has")
)

// TestWalk takes random walks with all controllers of workloads. After each step it checks what must always be true, and
// now and then that everything comes to rest.
func TestWalk(t *testing.T) {
	for seed := *first; seed < *first+uint64(*seeds); seed++ {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := NewWorld(t, "deployment", "replicaset", "statefulset", "daemonset", "job", "disruption", "garbage-collector")
				w.must(w.command([]string{"create"}, nodes), "create nodes")
				k := newWalk(w, seed)
				for i := range *steps {
					k.step()
					if i%250 == 249 {
						k.converge()
					}
				}
			})
		})
	}
}
