package worker

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/proa-sh/proa/pkg/kubelet/podstate"
)

// crowd is a runtime in which a start takes a while.
type crowd struct {
	world
	take time.Duration

	count sync.Mutex
	// now and most are the starts under way, published the statuses written; guarded by count.
	now, most, published int
	// begun are the pods of which something has been started; guarded by count.
	begun map[types.UID]bool
}

func (c *crowd) do(ctx context.Context, t Task) Result {
	c.note(t, 1)
	defer c.note(t, -1)
	if isStart(t.Action.Kind) {
		select {
		case <-time.After(c.take):
		case <-ctx.Done():
			return Result{Err: ctx.Err()}
		}
	}
	return c.world.do(ctx, t)
}

func (c *crowd) note(t Task, by int) {
	c.count.Lock()
	defer c.count.Unlock()
	switch k := t.Action.Kind; {
	case isStart(k):
		c.begun[t.Pod.UID] = true
		c.now += by
		c.most = max(c.most, c.now)
	case k == PublishStatus && by > 0:
		c.published++
	}
}

// inCrowd gives a pool that allows two starts at a time ten pods.
func inCrowd(t *testing.T, take time.Duration, do func(t *testing.T, c *crowd, p *Pool)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		c := &crowd{take: take, begun: map[types.UID]bool{}, world: world{pods: map[types.UID]*podstate.Observed{}}}
		cfg := c.config()
		cfg.Do, cfg.Starts = c.do, 2
		p := NewPool(ctx, NewRegistry(), cfg)
		for i := range 10 {
			pod := aPod()
			pod.UID, pod.Name = types.UID(fmt.Sprint("u", i)), fmt.Sprint("p", i)
			p.Update(pod, false)
		}
		synctest.Wait()
		do(t, c, p)
		cancel()
		p.Wait()
	})
}

// seen gives the most starts at a time, those under way, and the statuses written.
func (c *crowd) seen() (most, now, published int) {
	c.count.Lock()
	defer c.count.Unlock()
	return c.most, c.now, c.published
}

func running(p *Pool) (count int) {
	for _, s := range p.Snapshots() {
		if len(s.Observed.Live()) > 0 {
			count++
		}
	}
	return count
}

func TestStartsAreBounded(t *testing.T) {
	inCrowd(t, time.Second, func(t *testing.T, c *crowd, p *Pool) {
		// Those that were begun are brought to run before all others are begun.
		time.Sleep(3500 * time.Millisecond)
		synctest.Wait()
		if running(p) == 0 {
			t.Error("no pod runs before all have a sandbox")
		}
		// Twenty starts of a second, two at a time.
		time.Sleep(6 * time.Second)
		synctest.Wait()
		if most, _, _ := c.seen(); most != 2 || running(p) == 10 {
			t.Errorf("%d starts at a time; %d of 10 pods run before they can", most, running(p))
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if most, _, _ := c.seen(); most != 2 || running(p) != 10 {
			t.Errorf("%d starts at a time; %d of 10 pods run", most, running(p))
		}
	})
}

// TestStartsHoldBackNothing: a pod that waits for its turn shows its status, and ends at once.
func TestStartsHoldBackNothing(t *testing.T) {
	inCrowd(t, 3*time.Second, func(t *testing.T, c *crowd, p *Pool) {
		if _, _, published := c.seen(); published != 10 {
			t.Errorf("%d of 10 statuses are told while pods wait", published)
		}
		dying := aPod()
		c.count.Lock()
		for _, s := range p.Snapshots() {
			if !c.begun[s.Pod.UID] {
				dying.UID = s.Pod.UID
			}
		}
		c.count.Unlock()
		dying.ResourceVersion = "1000"
		dying.DeletionTimestamp, dying.DeletionGracePeriodSeconds = &metav1.Time{Time: time.Now()}, new(int64(5))
		began := time.Now()
		p.Update(dying, false)
		p.Delete(dying.UID)
		synctest.Wait()
		if _, there := p.Snapshot(dying.UID); there || time.Since(began) > 0 {
			t.Errorf("a pod that waits for its turn is still there; it took %v", time.Since(began))
		}
	})
}

// TestStartsThatHang: starts that wait for something else than the processor do not hold back all others for ever.
func TestStartsThatHang(t *testing.T) {
	inCrowd(t, time.Hour, func(t *testing.T, c *crowd, _ *Pool) {
		time.Sleep(4 * startHeld)
		synctest.Wait()
		if _, now, _ := c.seen(); now != 10 {
			t.Errorf("%d of 10 starts are under way", now)
		}
	})
}
