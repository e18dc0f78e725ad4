package inprocess

import (
	"testing"
	"testing/synctest"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/watch"
)

// TestStoppedWatch stops a watch with an event on the way. The bubble fails if a goroutine is left.
func TestStoppedWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		below := watch.NewFakeWithChanSize(2, false)
		w := newUnwrapped(below)
		pod := &corev1.Pod{}
		below.Add(pod)
		if e := <-w.ResultChan(); e.Object != pod {
			t.Errorf("got %v", e)
		}
		below.Modify(pod)
		below.Modify(pod)
		synctest.Wait() // one is on the way now, and nobody reads
		w.Stop()
		w.Stop()
		synctest.Wait()
		if _, open := <-w.ResultChan(); open {
			t.Error("events after the stop")
		}
	})
}
