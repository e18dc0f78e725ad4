package domains

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/kube-scheduler/framework"

	"github.com/proa-sh/proa/pkg/scheduler/cache"
)

// tally counts pods and nodes by zone, and how often it began anew.
type tally struct {
	pods, nodes map[string]int64
	resets      int
}

func (t *tally) Reset() {
	t.pods, t.nodes = map[string]int64{}, map[string]int64{}
	t.resets++
}

func (t *tally) CountNode(node framework.NodeInfo, sign int64) {
	zone := node.Node().Labels["zone"]
	t.nodes[zone] += sign
	t.pods[zone] += sign * int64(len(node.GetPods()))
}

func (t *tally) CountPods(node framework.NodeInfo, added []framework.PodInfo) {
	t.pods[node.Node().Labels["zone"]] += int64(len(added))
}

func node(name, zone string) *v1.Node {
	return &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"zone": zone}}}
}

func TestSync(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	c, s := cache.New(), cache.NewSnapshot()
	for i := range 5 {
		c.SetNode(node(fmt.Sprint("n", i), "a"))
	}
	kept, cursor := &tally{}, Cursor{}
	placed := map[string]*v1.Pod{}
	for step := range 500 {
		for range random.IntN(4) {
			name := fmt.Sprint("p", random.IntN(20))
			switch {
			case random.IntN(6) == 0:
				c.SetNode(node(fmt.Sprint("n", random.IntN(5)), []string{"a", "b"}[random.IntN(2)]))
			case placed[name] == nil:
				placed[name] = &v1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name)}, Spec: v1.PodSpec{NodeName: fmt.Sprint("n", random.IntN(5))}}
				if err := c.SetPod(placed[name]); err != nil {
					t.Fatal(err)
				}
			default:
				if err := c.RemovePod(placed[name]); err != nil {
					t.Fatal(err)
				}
				delete(placed, name)
			}
		}
		c.Update(s)
		if err := cursor.Sync(s, kept); err != nil {
			t.Fatal(err)
		}
		fresh := &tally{}
		if err := new(Cursor).Sync(s, fresh); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]map[string]int64{nonZero(fresh.pods), nonZero(fresh.nodes)}, []map[string]int64{nonZero(kept.pods), nonZero(kept.nodes)}); diff != "" {
			t.Fatalf("step %d (-fresh +kept):\n%s", step, diff)
		}
	}
	if kept.resets != 1 {
		t.Errorf("counted anew %d times, want only the first", kept.resets)
	}
	cursor.Invalidate()
	if err := cursor.Sync(s, kept); err != nil || kept.resets != 2 {
		t.Errorf("counted anew %d times after Invalidate (%v), want 2", kept.resets, err)
	}
}

func nonZero(m map[string]int64) map[string]int64 {
	left := map[string]int64{}
	for k, n := range m {
		if n != 0 {
			left[k] = n
		}
	}
	return left
}

func TestMemo(t *testing.T) {
	m := NewMemo[int](2)
	made := 0
	get := func(key string) int {
		value, err := m.Get(key, func() (int, error) { made++; return made, nil })
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
	got := []int{get("a"), get("b"), get("a"), get("c"), get("a"), get("b")}
	if diff := cmp.Diff([]int{1, 2, 1, 3, 1, 4}, got); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
	refuse := errors.New("no")
	if _, err := m.Get("d", func() (int, error) { return 0, refuse }); !errors.Is(err, refuse) || m.Len() != 2 {
		t.Errorf("error %v, %d values", err, m.Len())
	}
	if m.Clear(); m.Len() != 0 {
		t.Error("values are left")
	}
}

func TestCounts(t *testing.T) {
	x, y := Domain{Key: "k", Value: "x"}, Domain{Key: "k", Value: "y"}
	base := NewCounts()
	base.Add(x, 2)
	over := base.Overlay()
	over.Add(x, -2)
	over.Add(y, 3)
	second := over.Overlay()
	second.Add(y, -3)
	got := fmt.Sprint(base.Get(x), base.Get(y), base.Empty(), over.Get(x), over.Get(y), over.Empty(), second.Get(y), second.Empty(), over.Get(y))
	if diff := cmp.Diff("2 0 false 0 3 false 0 true 3", got); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
	if base.Reset(); !base.Empty() || !NewCounts().Overlay().Empty() {
		t.Error("want empty counts")
	}
}
