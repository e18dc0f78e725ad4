package histories

import (
	"flag"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
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
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) { walkFor(t, seed, *steps) })
	}
}

// TestWalkIsDeterministic takes one walk twice: a failure that a seed shows once it shows always.
func TestWalkIsDeterministic(t *testing.T) {
	once, again := walkFor(t, 7, 200), walkFor(t, 7, 200)
	if diff := cmp.Diff(once, again); diff != "" {
		t.Errorf("the same seed took another course (-once +again):\n%s", diff)
	}
}

// walkFor takes a walk and returns its last steps.
func walkFor(t *testing.T, seed uint64, steps int) (tail []string) {
	synctest.Test(t, func(t *testing.T) {
		w := NewWorld(t, "deployment", "replicaset", "statefulset", "daemonset", "job", "disruption", "garbage-collector")
		w.must(w.command([]string{"create"}, nodes), "create nodes")
		k := newWalk(w, seed)
		for i := range steps {
			k.step()
			if i%250 == 249 {
				k.converge()
			}
		}
		tail = k.tail
		if testing.Verbose() {
			t.Log(strings.Join(tail, "\n"))
		}
	})
	return tail
}
