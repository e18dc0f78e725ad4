package nftables

import (
	"context"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/proa-sh/proa/pkg/proxy/internal/netnstest"
	corev1 "k8s.io/api/core/v1"
)

// TestKernelNoGap: a Service whose endpoints come, go and change without a pause, but that always has one, answers every
// connection. A packet may meet the rules while a transaction is committed, and may see one lookup before and the next after.
func TestKernelNoGap(t *testing.T) {
	w := newWorld(t, corev1.IPv4Protocol, byPrefix)
	const otherPort = servedPort + 1
	for _, pod := range w.Pods {
		pod.Serve(t, otherPort)
	}
	a, b := w.pod(0), w.pod(1)
	c, d := netip.AddrPortFrom(a.Addr(), otherPort), netip.AddrPortFrom(b.Addr(), otherPort)
	lists := [][]netip.AddrPort{{a}, {a, b}, {b}, {b, c}, {b, c, d}, {c, d}, {a, b, c, d}, {d}, {a}, {b}}
	w.apply(t, w.service("web", corev1.ProtocolTCP, lists[0]...))
	ctx, cancel := context.WithCancel(t.Context())
	var changer, askers sync.WaitGroup
	changes := 0
	changer.Go(func() {
		for ctx.Err() == nil {
			changes++
			port := w.service("web", corev1.ProtocolTCP, lists[changes%len(lists)]...)
			if err := w.table.Apply(t.Context(), Changes{port.Name: port}); err != nil {
				t.Error(err)
				return
			}
		}
	})
	const connections = 20000
	var asked, failed atomic.Int64
	for range 4 {
		askers.Go(func() {
			for asked.Add(1) <= connections {
				if answer := netnstest.Ask("tcp", w.front(80)); netnstest.Who(answer) != "pod-a" && netnstest.Who(answer) != "pod-b" {
					if failed.Add(1) < 4 {
						t.Errorf("answer %q", answer)
					}
				}
			}
		})
	}
	askers.Wait()
	cancel()
	changer.Wait()
	t.Logf("%d of %d connections failed while endpoints changed %d times", failed.Load(), connections, changes)
}
