package faults

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	"github.com/proa-sh/proa/test/faults/journal"
)

// writer changes the objects of one resource, one write after the other, and is the only one who does.
type writer struct {
	cluster  *cluster
	journal  *journal.Journal
	resource resource
	random   *rand.Rand
	names    []string
	// pause is the mean time between two writes that are answered.
	pause time.Duration
	// values gives the value of the nth write of an object; updates says how many of ten writes of an existing object change it,
	// the others delete it.
	values  func(n int, old string, r *rand.Rand) string
	updates int
	// done says whether an object may be deleted now; nil is always.
	done func(*unstructured.Unstructured) (bool, error)

	writes int
	doubt  map[string]bool // objects that have to be read before the next write
}

// retry is the pause after a request that was not answered.
const retry = 20 * time.Millisecond

func (w *writer) client() dynamic.ResourceInterface {
	return w.cluster.dynamic.Resource(w.resource.GroupVersionResource).Namespace(namespace)
}

func (w *writer) object(name string) journal.Object {
	return journal.Object{Resource: w.resource.Resource, Name: name}
}

// run writes until ctx ends. Each write that has begun is told to the journal.
func (w *writer) run(ctx context.Context) {
	w.doubt = map[string]bool{}
	for ctx.Err() == nil {
		pause := time.Duration(float64(w.pause) * (0.5 + w.random.Float64()))
		if !w.step(w.names[w.random.Intn(len(w.names))]) {
			pause = retry
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// step makes one write and says whether it was answered.
func (w *writer) step(name string) bool {
	if w.doubt[name] || w.resource.shared || w.done != nil {
		if u, answered := w.read(name); !answered {
			return false
		} else if w.done != nil && u != nil {
			done, err := w.done(u)
			if err != nil {
				w.journal.Fault("%v: %v", w.object(name), err)
			}
			if !done {
				return true
			}
		}
	}
	w.writes++
	o := w.object(name)
	now := w.journal.Now(o)
	switch {
	case !now.Exists:
		return w.create(o, w.values(w.writes, "", w.random))
	case w.random.Intn(10) < w.updates:
		return w.update(o, now, w.values(w.writes, now.Value, w.random))
	}
	return w.delete(o, now)
}

// read tells the journal what an object is, and gives it if it exists.
func (w *writer) read(name string) (u *unstructured.Unstructured, answered bool) {
	u, err := w.client().Get(context.Background(), name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		w.journal.Read(w.object(name), journal.State{})
		u = nil
	case err != nil:
		return nil, false
	default:
		w.journal.Read(w.object(name), w.resource.state(u))
	}
	w.doubt[name] = false
	return u, true
}

func (w *writer) create(o journal.Object, value string) bool {
	request := w.journal.Begin(o, journal.State{Exists: true, Value: value})
	u, err := w.client().Create(context.Background(), w.resource.object(o.Name, value), metav1.CreateOptions{})
	return w.answered(request, u, err)
}

// update changes just the version that is known, so that a write without an answer cannot come after it.
func (w *writer) update(o journal.Object, now journal.State, value string) bool {
	request := w.journal.Begin(o, journal.State{Exists: true, Value: value})
	patch := w.resource.spec(value)
	meta, ok := patch["metadata"].(object)
	if !ok {
		meta = object{}
		patch["metadata"] = meta
	}
	meta["uid"], meta["resourceVersion"] = now.UID, strconv.FormatInt(now.Revision, 10)
	data, err := json.Marshal(patch)
	if err != nil {
		panic(err) // a value of this package
	}
	u, err := w.client().Patch(context.Background(), o.Name, types.MergePatchType, data, metav1.PatchOptions{})
	return w.answered(request, u, err)
}

func (w *writer) delete(o journal.Object, now journal.State) bool {
	request := w.journal.Begin(o, journal.State{})
	revision, uid := strconv.FormatInt(now.Revision, 10), types.UID(now.UID)
	background := metav1.DeletePropagationBackground
	options := metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid, ResourceVersion: &revision}, PropagationPolicy: &background}
	return w.answered(request, nil, w.client().Delete(context.Background(), o.Name, options))
}

// answered tells the journal how a write ended; u is nil for one that deletes.
func (w *writer) answered(request journal.Request, u *unstructured.Unstructured, err error) bool {
	switch {
	case err == nil && u == nil:
		w.journal.Acknowledged(request, journal.State{})
		return true
	case err == nil:
		w.journal.Acknowledged(request, w.resource.state(u))
		return true
	case notSent(err):
		w.journal.Refused(request, err)
		return false
	case refused(err):
		w.journal.Refused(request, err)
		if !apierrors.IsConflict(err) && !apierrors.IsAlreadyExists(err) && !apierrors.IsNotFound(err) {
			w.journal.Fault("%v was refused: %v", request.Object, err)
		}
	default:
		w.journal.Unknown(request, err)
	}
	w.doubt[request.Object.Name] = true
	return false
}

// notSent says whether nobody was there to get the request.
func notSent(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// refused says whether an answer says for certain that nothing was written.
func refused(err error) bool {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return false
	}
	code := status.Status().Code
	return code >= 400 && code < 500 && code != http.StatusRequestTimeout && code != http.StatusTooManyRequests
}

// load is all writers.
type load struct {
	cancel  context.CancelFunc
	workers sync.WaitGroup
	// probe is told to whoever waits for the first answer.
	writers []*writer
}

// names are n names that begin so.
func names(prefix string, n int) []string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf("%s-%d", prefix, i))
	}
	return list
}

func startLoad(c *cluster, j *journal.Journal, seed int64) *load {
	counted := func(n int, _ string, _ *rand.Rand) string { return strconv.Itoa(n) }
	typed := func(n int, old string, r *rand.Rand) string {
		kind := []string{"ClusterIP", "NodePort"}[r.Intn(2)]
		if _, err := fmt.Sscanf(old, "%s ", &kind); err != nil && old != "" {
			panic(err) // a value of this function
		}
		return fmt.Sprintf("%s %d", kind, n)
	}
	scale := func(n int, old string, r *rand.Rand) string {
		_, template := numbers(old)
		if r.Intn(4) == 0 {
			template = int64(n)
		}
		return fmt.Sprintf("%d %d %d", r.Intn(4), template, n)
	}
	l := &load{}
	for i := range 3 {
		l.writers = append(l.writers, &writer{resource: configMaps, names: names(fmt.Sprintf("map-%d", i), 6), pause: 40 * time.Millisecond, values: counted, updates: 8})
	}
	for i := range 2 {
		l.writers = append(l.writers, &writer{resource: services, names: names(fmt.Sprintf("service-%d", i), 4), pause: 200 * time.Millisecond, values: typed, updates: 4})
	}
	l.writers = append(l.writers,
		// Somebody always asks, so that it is seen when the server answers again.
		&writer{resource: configMaps, names: []string{"probe"}, pause: 20 * time.Millisecond, values: counted, updates: 10},
		&writer{resource: deployments, names: []string{"web"}, pause: 3 * time.Second, values: scale, updates: 10},
		&writer{resource: statefulSets, names: []string{"set"}, pause: 3 * time.Second, values: scale, updates: 10},
		&writer{resource: jobs, names: names("job", 2), pause: 2 * time.Second, values: counted, updates: 0, done: jobDone})
	ctx, cancel := context.WithCancel(context.Background())
	l.cancel = cancel
	for i, w := range l.writers {
		w.cluster, w.journal, w.random = c, j, rand.New(rand.NewSource(seed+int64(i)))
		l.workers.Go(func() { w.run(ctx) })
	}
	return l
}

// stop returns when each write that has begun has ended.
func (l *load) stop() {
	l.cancel()
	l.workers.Wait()
}
