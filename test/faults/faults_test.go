package faults

import (
	"context"
	"errors"
	"fmt"
	"math/rand"
	"os"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/proa-sh/proa/pkg/cluster/process"
	"github.com/proa-sh/proa/test/faults/journal"
)

// run is one sequence of faults.
type run struct {
	*testing.T
	cluster *cluster
	journal *journal.Journal
	quiet   map[string]process.Process
	table   table
}

// TestFaults is the proof.
func TestFaults(t *testing.T) {
	list, err := chosen(*only)
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(journalFile())
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	t.Cleanup(func() {
		if t.Failed() {
			dir, err := keepLogs()
			t.Logf("logs and journal are in %s (%v)", dir, err)
		}
	})
	r := &run{T: t, table: table{}}
	if r.cluster, err = start(); err != nil {
		t.Fatal(err)
	}
	r.journal = journal.New(log, time.Now, shared()...)
	r.prepare()
	watches := follow(r.cluster, r.journal)
	writers := startLoad(r.cluster, r.journal, *seed)
	r.sequence(list)
	writers.stop()
	if !t.Failed() || *goOn {
		r.finish(watches)
	}
	watches.stop()
	for _, f := range watches.list {
		if len(f.lost) > 0 && !slices.ContainsFunc(list, func(k kind) bool { return k.endsRuntime() }) {
			t.Errorf("Of %d %s containerd has lost how they ended, and nothing has ended containerd.", len(f.lost), f.resource.Resource)
		} else if len(f.lost) > 0 {
			fmt.Printf("Of %d %s containerd has lost how they ended.\n", len(f.lost), f.resource.Resource)
		}
	}
	r.report(nil)
	r.table.print(os.Stdout)
}

func shared() []string {
	var names []string
	for _, r := range written() {
		if r.shared {
			names = append(names, r.Resource)
		}
	}
	return names
}

// prepare makes the namespace and the pods that nobody changes.
func (r *run) prepare() {
	r.Helper()
	ctx := r.Context()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}
	if _, err := r.cluster.typed.CoreV1().Namespaces().Create(ctx, ns, metav1.CreateOptions{}); err != nil {
		r.Fatal(err)
	}
	w := &writer{cluster: r.cluster, journal: r.journal, resource: daemonSets, doubt: map[string]bool{}}
	if !w.create(w.object("quiet"), "1") {
		r.Fatal(r.journal.Faults())
	}
	err := eventually(ctx, patience, func() (err error) {
		if r.quiet, err = quiet(); err == nil && len(r.quiet) != 2 {
			err = fmt.Errorf("%d pods run of those that nobody changes", len(r.quiet))
		}
		return errors.Join(err, r.cluster.atRest(ctx), r.cluster.healthy(ctx))
	})
	if err != nil {
		r.Fatal(err)
	}
}

// sequence lets the faults happen, one after the other, until one breaks something.
func (r *run) sequence(list []kind) {
	r.Helper()
	random := rand.New(rand.NewSource(*seed))
	many := *number
	if many == 0 {
		many = len(list)
	}
	for n := range many {
		k := draw(list, n, random)
		f := k.plan(random)
		time.Sleep(time.Duration(random.Intn(1500)) * time.Millisecond)
		r.journal.Note("fault %d: %s (%s)", n+1, k.name, f.what)
		at, err := f.happen(r.Context())
		if err != nil {
			r.Errorf("fault %d, %s (%s): %v", n+1, k.name, f.what, err)
			return
		}
		took, err := r.comesBack(at)
		if err == nil {
			err = r.wellAfterwards()
		}
		r.table.Add(k.name, took)
		counts := r.journal.Counts()
		fmt.Printf("%4d/%d  %-22s %-34s answered %6.2f s  ready %6.2f s  healthy %6.2f s   %d acknowledged, %d without answer\n",
			n+1, many, k.name, f.what, took.answered.Seconds(), took.ready.Seconds(), took.healthy.Seconds(), counts.Acknowledged, counts.Unknown)
		if !r.report(err) {
			r.Errorf("after fault %d, %s (%s), of seed %d", n+1, k.name, f.what, *seed)
			if !*goOn {
				return
			}
		}
	}
}

func (t table) Add(kind string, took times) { t[kind] = append(t[kind], took) }

// wellAfterwards tries the checks again for a moment: a kill of a process that is just being started may make a look fail.
func (r *run) wellAfterwards() error {
	return eventually(r.Context(), 5*time.Second, func() error { return r.cluster.afterFault(r.Context(), r.quiet) })
}

// report tells what is wrong and says whether nothing is.
func (r *run) report(err error) bool {
	r.Helper()
	faults := r.journal.Faults()
	for _, fault := range faults {
		r.Error(fault)
	}
	if err != nil {
		r.Error(err)
	}
	return err == nil && len(faults) == 0
}

// comesBack measures how long it takes from the fault until the cluster is well.
func (r *run) comesBack(at time.Time) (took times, err error) {
	ctx, cancel := context.WithDeadline(r.Context(), at.Add(comeback))
	defer cancel()
	answered := make(chan error, 1)
	go func() {
		for {
			news, last := r.journal.Answered()
			if last.After(at) {
				took.answered = time.Since(at)
				answered <- nil
				return
			}
			select {
			case <-news:
			case <-ctx.Done():
				answered <- errors.New("no write was answered")
				return
			}
		}
	}()
	ready := eventually(ctx, comeback, func() error { return r.cluster.ready(ctx) })
	readyAfter := time.Since(at)
	healthy := eventually(ctx, comeback, func() error { return r.cluster.healthy(ctx) })
	healthyAfter := time.Since(at)
	err = errors.Join(<-answered, ready, healthy)
	took.ready, took.healthy = readyAfter, healthyAfter
	return took, err
}

// finish checks what has to hold at the end: all comes to rest, all is there, all was told of, and nothing stays taken.
func (r *run) finish(watches *followers) {
	r.Helper()
	ctx := r.Context()
	began := time.Now()
	if err := r.cluster.settled(ctx); err != nil {
		r.Errorf("the workloads do not come to rest: %v", err)
		return
	}
	fmt.Printf("All came to rest in %.1f s.\n", time.Since(began).Seconds())
	for _, one := range written() {
		revision, states, err := list(ctx, r.cluster.dynamic.Resource(one.GroupVersionResource).Namespace(namespace), one)
		if err != nil {
			r.Errorf("list %s: %v", one.Resource, err)
			continue
		}
		r.journal.List(one.Resource, revision, states)
	}
	for _, f := range watches.list {
		if err := eventually(ctx, 10*time.Second, func() error { return f.caughtUp(ctx) }); err != nil {
			r.Error(err)
		}
		events, between := f.Check()
		fmt.Printf("watch of %-12s %6d events in %d connections, %d lists again, %d acknowledged writes before a list\n",
			f.resource.Resource, events, f.connections.Load(), f.Relists(), between)
	}
	counts := r.journal.Counts()
	fmt.Printf("writes: %d acknowledged, %d without an answer, %d refused\n", counts.Acknowledged, counts.Unknown, counts.Refused)
	if err := r.cluster.afterFault(ctx, r.quiet); err != nil {
		r.Error(err)
	}
	r.takenAway(ctx)
}

// takenAway deletes the load and waits until nothing of it is left.
func (r *run) takenAway(ctx context.Context) {
	r.Helper()
	began := time.Now()
	if err := r.cluster.typed.CoreV1().Namespaces().Delete(ctx, namespace, metav1.DeleteOptions{}); err != nil {
		r.Errorf("delete the load: %v", err)
		return
	}
	if err := eventually(ctx, patience, func() error { return r.cluster.nothingLeft(ctx) }); err != nil {
		r.Errorf("after the load was deleted: %v", err)
		return
	}
	fmt.Printf("All was deleted in %.1f s.\n", time.Since(began).Seconds())
	if *leaks == 0 {
		return
	}
	if err := eventually(ctx, *leaks, func() error { return r.cluster.nothingTaken(ctx) }); err != nil {
		r.Errorf("after the load was deleted: %v", err)
		return
	}
	fmt.Printf("All addresses and ports were free %.1f s after that.\n", time.Since(began).Seconds())
}
