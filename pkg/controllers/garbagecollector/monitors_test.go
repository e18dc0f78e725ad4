package garbagecollector

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
)

// silentGroup is discovery on a server with a group that does not answer, and when it was asked.
type silentGroup struct {
	discovery.DiscoveryInterface

	mu    sync.Mutex // guards the rest
	start time.Time
	back  bool
	asked []time.Duration
}

func (g *silentGroup) ServerGroupsAndResources() ([]*metav1.APIGroup, []*metav1.APIResourceList, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.asked = append(g.asked, time.Since(g.start))
	if g.back {
		return nil, nil, nil
	}
	return nil, nil, &discovery.ErrGroupDiscoveryFailed{Groups: map[schema.GroupVersion]error{{Group: "x.io", Version: "v1"}: errors.New("no answer")}}
}

// A group that does not answer is asked for ever more seldom, at once when an APIService changes, and not any more when it
// answers.
func TestSilentGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &silentGroup{start: time.Now()}
		m := &monitors{discovery: g, listed: func() {}, dropped: func(schema.GroupVersionResource) {}, changed: make(chan struct{}, 1), running: map[schema.GroupVersionResource]*monitor{}}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			m.run(ctx)
		}()
		asked := func(within time.Duration) []time.Duration {
			timer := time.NewTimer(within)
			<-timer.C
			synctest.Wait()
			g.mu.Lock()
			defer g.mu.Unlock()
			all := g.asked
			g.asked, g.start = nil, time.Now()
			return all
		}
		const s = time.Second
		if diff := cmp.Diff([]time.Duration{0, 5 * s, 15 * s, 35 * s, 75 * s, 135 * s, 195 * s}, asked(4*time.Minute)); diff != "" {
			t.Errorf("asked for a silent group (-want +got):\n%s", diff)
		}
		m.kindsChanged()
		if diff := cmp.Diff([]time.Duration{0, 60 * s}, asked(61*s)); diff != "" {
			t.Errorf("asked after a change (-want +got):\n%s", diff)
		}
		answer := func(back bool) {
			g.mu.Lock()
			defer g.mu.Unlock()
			g.back = back
		}
		answer(true)
		m.kindsChanged()
		if diff := cmp.Diff([]time.Duration{0, secondLook}, asked(time.Hour)); diff != "" {
			t.Errorf("asked when it answers (-want +got):\n%s", diff)
		}
		answer(false)
		m.kindsChanged()
		if diff := cmp.Diff([]time.Duration{0, 5 * s, 15 * s}, asked(20*s)); diff != "" {
			t.Errorf("asked when it is silent again (-want +got):\n%s", diff)
		}
		cancel()
		<-done
	})
}
