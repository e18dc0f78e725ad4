package eviction

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/proa-sh/proa/pkg/kubelet/podstate"
	"github.com/proa-sh/proa/pkg/pods"
)

func fixed(n int64) func(int64) int64 { return func(int64) int64 { return n } }

func percent(n int64) func(int64) int64 {
	return func(capacity int64) int64 { return capacity * n / 100 }
}

func TestDecide(t *testing.T) {
	thresholds := []Threshold{
		{Signal: NodeFsAvailable, Amount: percent(10), Reclaim: percent(5)},
		{Signal: MemoryAvailable, Amount: fixed(300), Grace: time.Minute},
		{Signal: MemoryAvailable, Amount: fixed(100)},
	}
	s := NewState(thresholds, 5*time.Minute)
	at := time.Unix(1000, 0)
	for _, step := range []struct {
		after        time.Duration
		memory, disk int64
		pressure     Pressure
		due          []Shortage
	}{
		{0, 500, 50, Pressure{}, nil},
		{time.Second, 200, 50, Pressure{Memory: true}, nil}, // soft: its grace period begins
		{59 * time.Second, 200, 50, Pressure{Memory: true}, nil},
		{time.Second, 200, 50, Pressure{Memory: true}, []Shortage{{MemoryAvailable, false, 300, 200}}},
		{time.Second, 90, 9, Pressure{Memory: true, Disk: true}, []Shortage{
			{MemoryAvailable, true, 100, 90}, {MemoryAvailable, false, 300, 90}, {NodeFsAvailable, true, 10, 9},
		}},
		// Disk has to come back further than to the threshold.
		{time.Second, 500, 14, Pressure{Memory: true, Disk: true}, []Shortage{{NodeFsAvailable, true, 10, 14}}},
		{time.Second, 500, 15, Pressure{Memory: true, Disk: true}, nil},
		// Pressures are told for a while after they have gone.
		{297 * time.Second, 500, 15, Pressure{Memory: true, Disk: true}, nil},
		{time.Second, 500, 15, Pressure{Disk: true}, nil},
		{time.Second, 500, 15, Pressure{}, nil},
		// The grace period begins anew.
		{time.Second, 200, 15, Pressure{Memory: true}, nil},
	} {
		at = at.Add(step.after)
		pressure, due := s.Decide(at, map[Signal]Observation{
			MemoryAvailable: {Available: step.memory, Capacity: 1000}, NodeFsAvailable: {Available: step.disk, Capacity: 100},
		})
		if pressure != step.pressure {
			t.Errorf("memory %d, disk %d at %s: pressure %+v, want %+v", step.memory, step.disk, at, pressure, step.pressure)
		}
		if diff := cmp.Diff(step.due, due); diff != "" {
			t.Errorf("memory %d, disk %d at %s: due (-want +got):\n%s", step.memory, step.disk, at, diff)
		}
	}
}

func pod(name string, priority int32, annotations map[string]string) *v1.Pod {
	return &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name), Annotations: annotations},
		Spec:       v1.PodSpec{Priority: &priority, Containers: []v1.Container{{Name: "c"}}, TerminationGracePeriodSeconds: new(int64(60))},
	}
}

func TestRank(t *testing.T) {
	var got []string
	for _, c := range Rank([]Candidate{
		{pod("system", 2000001000, nil), 1000, 0},
		{pod("static", 0, map[string]string{pods.SourceAnnotation: pods.SourceFile}), 1000, 0},
		{pod("within", 0, nil), 90, 100},
		{pod("over-little", 0, nil), 110, 100},
		{pod("over-much", 0, nil), 200, 100},
		{pod("over-important", 10, nil), 900, 100},
		{pod("within-unimportant", -5, nil), 1, 100},
	}) {
		got = append(got, c.Pod.Name)
	}
	want := []string{"over-much", "over-little", "over-important", "within-unimportant", "within"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

func TestEnding(t *testing.T) {
	c := Candidate{Pod: pod("p", 0, nil), Usage: 200 << 20, Request: 0}
	hard := Ending(Shortage{MemoryAvailable, true, 100 << 20, 50 << 20}, c, 10)
	want := "The node was low on resource: memory. Threshold quantity: 100Mi, available: 50Mi. The pod was using 200Mi, request is 0. "
	if hard.Message != want || hard.Reason != "Evicted" || hard.Phase != v1.PodFailed || *hard.Grace != 1 || hard.Condition.Type != v1.DisruptionTarget {
		t.Errorf("hard: %+v", hard)
	}
	if soft := Ending(Shortage{NodeFsAvailable, false, 10, 5}, c, 10); *soft.Grace != 10 {
		t.Errorf("soft: grace %d", *soft.Grace)
	}
	if soft := Ending(Shortage{NodeFsAvailable, false, 10, 5}, c, -1); soft.Grace != nil {
		t.Errorf("soft without bound: grace %d", *soft.Grace)
	}
}

func TestRefuse(t *testing.T) {
	burstable := pod("burstable", 0, nil)
	burstable.Spec.Containers[0].Resources.Requests = v1.ResourceList{v1.ResourceMemory: resource.MustParse("1Mi")}
	tolerant := pod("tolerant", 0, nil)
	tolerant.Spec.Tolerations = []v1.Toleration{{Key: v1.TaintNodeMemoryPressure, Operator: v1.TolerationOpExists, Effect: v1.TaintEffectNoSchedule}}
	for _, test := range []struct {
		pod      *v1.Pod
		pressure Pressure
		want     string
	}{
		{pod("any", 0, nil), Pressure{}, ""},
		{pod("besteffort", 0, nil), Pressure{Memory: true}, "The node had condition: [MemoryPressure]. "},
		{burstable, Pressure{Memory: true}, ""},
		{tolerant, Pressure{Memory: true}, ""},
		{burstable, Pressure{Memory: true, Disk: true}, "The node had condition: [MemoryPressure DiskPressure]. "},
		{pod("critical", lowestSystemPriority, nil), Pressure{Disk: true, PID: true}, ""},
	} {
		got := ""
		if r := Refuse(test.pod, test.pressure); r != nil {
			got = r.Message
		}
		if got != test.want {
			t.Errorf("%s under %+v: %q, want %q", test.pod.Name, test.pressure, got, test.want)
		}
	}
}

// TestManager: disk space is freed first; then pods go one after the other, until nothing is short.
func TestManager(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		free, log, running := int64(50), []string{}, map[types.UID]*v1.Pod{"a": pod("a", 0, nil), "b": pod("b", 1, nil), "c": pod("c", 2, nil)}
		note := func(what string) { log = append(log, what) }
		m := New(Config{
			Thresholds: []Threshold{{Signal: NodeFsAvailable, Amount: fixed(20)}}, Transition: time.Minute, MaxGrace: -1,
			Observe: func(context.Context) (map[Signal]Observation, error) {
				mu.Lock()
				defer mu.Unlock()
				return map[Signal]Observation{NodeFsAvailable: {Available: free, Capacity: 100}}, nil
			},
			Free: func(context.Context) error {
				mu.Lock()
				defer mu.Unlock()
				note("free")
				free += 5
				return nil
			},
			Candidates: func(context.Context, Resource) (list []Candidate) {
				mu.Lock()
				defer mu.Unlock()
				for _, p := range running {
					list = append(list, Candidate{Pod: p, Usage: 10})
				}
				return list
			},
			End: func(p *v1.Pod, _ podstate.Ending) {
				mu.Lock()
				note("end " + p.Name)
				mu.Unlock()
				time.AfterFunc(5*time.Second, func() {
					mu.Lock()
					defer mu.Unlock()
					delete(running, p.UID)
					free += 6
				})
			},
			Stopped: func(uid types.UID) bool {
				mu.Lock()
				defer mu.Unlock()
				return running[uid] == nil
			},
			Changed: func(Pressure) {},
		})
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- m.Run(ctx) }()
		time.Sleep(time.Minute)
		mu.Lock()
		if len(log) > 0 || m.Pressure() != (Pressure{}) {
			t.Errorf("with enough of everything: %v, %+v", log, m.Pressure())
		}
		free = 4
		mu.Unlock()
		time.Sleep(time.Minute)
		synctest.Wait()
		mu.Lock()
		if diff := cmp.Diff([]string{"free", "end a", "end b"}, log); diff != "" {
			t.Errorf("done (-want +got):\n%s", diff)
		}
		if got := m.Pressure(); got != (Pressure{Disk: true}) {
			t.Errorf("shortly after: %+v", got)
		}
		mu.Unlock()
		time.Sleep(2 * time.Minute)
		if got := m.Pressure(); got != (Pressure{}) {
			t.Errorf("long after: %+v", got)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// TestLimits: pods with too much on disk are ended though nothing runs short, and are not measured all the time.
func TestLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pod := &v1.Pod{Spec: v1.PodSpec{Volumes: []v1.Volume{{Name: "v", VolumeSource: v1.VolumeSource{
			EmptyDir: &v1.EmptyDirVolumeSource{SizeLimit: new(resource.MustParse("1Ki"))}}}}}}
		var mu sync.Mutex
		used, measured, ended := int64(1), 0, 0
		m := New(Config{
			Observe: func(context.Context) (map[Signal]Observation, error) { return nil, nil },
			Local: func(context.Context) map[*v1.Pod]LocalUse {
				mu.Lock()
				defer mu.Unlock()
				measured++
				return map[*v1.Pod]LocalUse{pod: {EmptyDirs: map[string]int64{"v": used}}}
			},
			End: func(*v1.Pod, podstate.Ending) {
				mu.Lock()
				defer mu.Unlock()
				ended++
				used = 1
			},
		})
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- m.Run(ctx) }()
		<-time.After(time.Minute)
		synctest.Wait()
		mu.Lock()
		if measured < 3 || measured > 5 || ended != 0 {
			t.Errorf("within its limit: measured %d times in a minute, ended %d times", measured, ended)
		}
		used = 2000
		mu.Unlock()
		<-time.After(time.Minute)
		synctest.Wait()
		mu.Lock()
		if ended != 1 {
			t.Errorf("over its limit: ended %d times", ended)
		}
		mu.Unlock()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
