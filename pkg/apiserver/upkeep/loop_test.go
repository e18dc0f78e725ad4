package upkeep

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
)

// history notes when parts were called, in seconds since its beginning.
type history struct {
	start time.Time
	mu    sync.Mutex
	lines []string
}

func (h *history) note(format string, arguments ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lines = append(h.lines, fmt.Sprintf("%.1fs ", time.Since(h.start).Seconds())+fmt.Sprintf(format, arguments...))
}

// TestLoop plays parts that fail, that want to be called again, and that are woken.
func TestLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		client := fake.NewClientset()
		factory := informers.NewSharedInformerFactory(client, 0)
		maps := factory.Core().V1().ConfigMaps().Informer()
		h := &history{start: time.Now()}
		renewals := 0
		var tries atomic.Int32
		parts := []Part{
			{Name: "leases", Vital: true, Keep: func(context.Context) (time.Duration, error) {
				if renewals++; renewals < 3 {
					h.note("leases")
				}
				return 10 * time.Second, nil
			}},
			{Name: "watched", Vital: true, Pause: 2 * time.Second, Keep: func(context.Context) (time.Duration, error) {
				h.note("watched")
				return 0, nil
			}, Wake: []Wake{{maps, func(before, now any) bool { return now == nil || now.(*corev1.ConfigMap).Name == "mine" }}}},
			{Name: "broken", Keep: func(context.Context) (time.Duration, error) {
				tries.Add(1)
				return 0, errors.New("no")
			}},
		}
		l, err := NewLoop(parts)
		if err != nil {
			t.Fatal(err)
		}
		factory.StartWithContext(ctx)
		factory.WaitForCacheSync(ctx.Done())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			l.Run(ctx)
		}()
		for _, name := range l.Names() {
			if err := l.Wait(ctx, name); err != nil {
				t.Error(err)
			}
			if name == "broken" && (tries.Load() != patience || time.Since(h.start) > 3*time.Second) {
				t.Errorf("ready without the broken part after %d tries and %s", tries.Load(), time.Since(h.start))
			}
		}
		create := func(name string) {
			if _, err := client.CoreV1().ConfigMaps("ns").Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(5*time.Second - time.Since(h.start))
		h.note("create other")
		create("other")
		time.Sleep(time.Second)
		h.note("create mine")
		create("mine")
		synctest.Wait()
		h.note("delete mine and other")
		for _, name := range []string{"mine", "other"} {
			if err := client.CoreV1().ConfigMaps("ns").Delete(ctx, name, metav1.DeleteOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Minute)
		stop()
		<-ended
		factory.Shutdown()
		want := `
0.0s leases
0.0s watched
5.0s create other
6.0s create mine
6.0s watched
6.0s delete mine and other
8.0s watched
10.0s leases`
		// Of what happens at one time the order is chance.
		if diff := cmp.Diff(strings.Split(strings.TrimSpace(want), "\n"), sorted(h.lines)); diff != "" {
			t.Errorf("history (-want +got):\n%s", diff)
		}
		if tries.Load() < patience+3 {
			t.Errorf("the broken part was tried %d times in a minute", tries.Load())
		}
	})
}

// sorted puts the first two lines, which are of one moment, in order.
func sorted(lines []string) []string {
	if len(lines) > 1 && lines[0] > lines[1] {
		lines[0], lines[1] = lines[1], lines[0]
	}
	return lines
}
