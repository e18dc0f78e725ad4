package histories

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/proa-sh/proa/pkg/apiserver/inprocess"
	"github.com/proa-sh/proa/pkg/controllers"
	"github.com/proa-sh/proa/pkg/controllers/control"
)

// mostCalls bounds how many requests controllers make until they have nothing more to do. More is a loop without end.
const mostCalls = 5000

// workers is more than there are keys: all of a controller's keys are reconciled as far as their first request, and which
// of them goes on is the world's choice.
const workers = 64

// World is a cluster without machines: a server with its store, controllers, and whoever plays user, scheduler and
// kubelet. It lives in a bubble of testing/synctest and is used by the goroutine of the test alone.
type World struct {
	t       testing.TB
	server  *server
	wires   *wires
	client  kubernetes.Interface // of the user, whose requests are served at once
	entries []controllers.Entry
	kubelet kubelet

	life life
	// pick chooses among requests that wait; the first by default.
	pick func(count int) int
	// traps are what is to happen to coming requests.
	traps []trap
	// serving is the controller whose request is served.
	serving string
	// names counts the names that were generated from a prefix.
	names map[string]int
	// addresses counts the addresses that pods were given.
	addresses int

	mu    sync.Mutex
	lines []string // guarded by mu; what happened since the last look
	quiet bool     // nothing is noted
}

// life is one run of the controllers' program.
type life struct {
	queues    []*queue // of the controllers, in their order
	ctx       context.Context
	cancel    context.CancelFunc
	running   *sync.WaitGroup
	informers *inprocess.Informers
}

// NewWorld makes a world in which the controllers with these names run.
func NewWorld(t testing.TB, names ...string) *World {
	t.Helper()
	var further []string
	if slices.Contains(names, "endpointslice") {
		further = append(further, "discovery.k8s.io")
	}
	s, err := newServer(further...)
	if err != nil {
		t.Fatal(err)
	}
	transport := inprocess.NewTransport()
	transport.Bind(s.handler)
	w := &World{
		t: t, server: s, names: map[string]int{}, pick: func(int) int { return 0 },
		wires: &wires{next: transport, arrived: make(chan struct{}, 1)},
	}
	if w.client, err = kubernetes.NewForConfig(config(transport)); err != nil {
		t.Fatal(err)
	}
	for _, entry := range controllers.All() {
		if slices.Contains(names, strings.TrimSuffix(entry.Name, "-controller")) {
			w.entries = append(w.entries, entry)
		}
	}
	if len(w.entries) != len(names) {
		t.Fatalf("not all of %q are controllers", names)
	}
	w.begin()
	t.Cleanup(w.end)
	return w
}

func config(transport http.RoundTripper) *rest.Config {
	return &rest.Config{
		Host: "https://kubernetes.default.svc", Transport: transport, QPS: -1, WarningHandler: rest.NoWarnings{},
		ContentConfig: rest.ContentConfig{ContentType: runtime.ContentTypeJSON},
	}
}

// settings are the default ones, but that tokens in Secrets grow old in ten days: a year has many.
func settings() controllers.Settings {
	s := controllers.DefaultSettings()
	s.LegacyTokenPeriod = 10 * 24 * time.Hour
	return s
}

// begin starts the controllers' program.
func (w *World) begin() {
	ctx, cancel := context.WithCancel(klog.NewContext(context.Background(), logr.Discard()))
	w.life = life{ctx: ctx, cancel: cancel, running: &sync.WaitGroup{}, informers: w.server.informers()}
	for _, entry := range w.entries {
		who := strings.TrimSuffix(entry.Name, "-controller")
		connection := config(wire{w.wires, ctx, who})
		client, err := kubernetes.NewForConfig(connection)
		if err != nil {
			w.t.Fatal(err)
		}
		made, err := entry.New(control.Dependencies{
			Name: entry.Name, Informers: w.life.informers, Client: client, REST: connection, Workers: workers, Recorder: recorder{w, ctx, who},
		}, settings())
		if err != nil {
			w.t.Fatalf("make controller %q: %v", entry.Name, err)
		}
		ctx := control.WithQueue(ctx, func(_ string, limiter workqueue.TypedRateLimiter[reconcile.Request]) workqueue.TypedRateLimitingInterface[reconcile.Request] {
			q := newQueue(who, limiter, w.wires.arrive)
			w.mu.Lock()
			defer w.mu.Unlock()
			w.life.queues = append(w.life.queues, q)
			return q
		})
		w.life.running.Go(func() {
			if err := made.Run(ctx); err != nil {
				w.note("%s: ended: %v", who, err)
			}
		})
	}
	w.life.informers.StartWithContext(ctx)
}

// end ends the controllers' program with whatever it has under way.
func (w *World) end() {
	w.life.cancel()
	w.life.running.Wait()
	w.life.informers.Shutdown()
	synctest.Wait()
}

// release lets caches see the next count events of a resource that were held back, or all of them and the coming ones when
// count is negative, and returns how many are still held back. Each is digested before the next is shown.
func (w *World) release(resource schema.GroupResource, count int) (left int) {
	db := w.server.db
	for left = db.heldBack(resource); left > 0 && count != 0; count-- {
		left = db.showNext(resource)
		synctest.Wait()
	}
	if count < 0 {
		db.holdNoMore(resource)
	}
	return left
}

// Restart ends the controllers' program and starts it again.
func (w *World) Restart() {
	w.end()
	w.begin()
}

// Rest serves requests, and lets the kubelet work, until nobody has anything to do before time passes.
func (w *World) Rest() {
	w.t.Helper()
	for range mostCalls {
		synctest.Wait()
		switch c := w.wires.take(w.pick); {
		case c != nil:
			w.serve(c)
		case w.take() != "":
		case w.kubelet.on && w.kubelet.step(w):
		default:
			return
		}
	}
	w.t.Fatalf("controllers do not come to rest: %d requests, the last of them:\n%s", mostCalls, strings.Join(w.lines[max(len(w.lines)-20, 0):], "\n"))
}

// take lets a controller take a key from its queue, and says which; "" means that there is none.
func (w *World) take() string {
	ready := w.ready()
	for len(ready) > 0 {
		at := w.pick(len(ready))
		select {
		case ready[at].turns <- struct{}{}:
			return ready[at].who
		default: // its workers do not run yet
			ready = slices.Delete(ready, at, at+1)
		}
	}
	return ""
}

// ready are the queues with keys, by the names of their controllers.
func (w *World) ready() []*queue {
	w.mu.Lock()
	defer w.mu.Unlock()
	slices.SortFunc(w.life.queues, func(a, b *queue) int { return strings.Compare(a.who, b.who) })
	var ready []*queue
	for _, q := range w.life.queues {
		if q.Len() > 0 {
			ready = append(ready, q)
		}
	}
	return ready
}

// Advance lets time pass; whatever wakes meanwhile is served when it wakes.
func (w *World) Advance(d time.Duration) {
	w.t.Helper()
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		w.Rest()
		if !w.sleep(timer) {
			w.Rest()
			return
		}
	}
}

// sleep lets time pass until a request or a key arrives or the timer fires, and says which. What arrived before does not
// count: whether its arrival had been looked at is an accident.
func (w *World) sleep(timer *time.Timer) (arrived bool) {
	synctest.Wait()
	select {
	case <-w.wires.arrived:
	default: // nothing was left
	}
	select {
	case <-w.wires.arrived:
		return true
	case <-timer.C:
		return false
	}
}

// trap is what happens to a coming request.
type trap struct {
	method, resource string // such as POST and pods, or PUT and jobs/status
	skip             int    // so many such requests pass before
	status           int    // the answer, or
	before, after    bool   // the program dies before or after the server has done what it was asked for
	always           bool   // each further request too
}

// serve decides what becomes of a request.
func (w *World) serve(c *call) {
	w.generateName(c)
	line := w.describe(c)
	v := verdict{}
	if at := slices.IndexFunc(w.traps, func(tr trap) bool { return tr.method == c.method && tr.resource == targetOf(c.path) }); at >= 0 {
		one := &w.traps[at]
		if one.skip > 0 {
			one.skip--
		} else {
			tr := *one
			if !tr.always {
				w.traps = slices.Delete(w.traps, at, at+1)
			}
			switch {
			case tr.before:
				w.note("%s: killed before it", line)
				w.Restart()
				return
			case tr.after:
				w.note("%s: killed after it", line)
				c.verdict <- verdict{lost: true}
				<-c.served
				w.Restart()
				return
			}
			v.status = tr.status
		}
	}
	before := w.object(c)
	w.serving = c.who
	c.verdict <- v
	<-c.served
	w.serving = ""
	if c.write() && !w.quiet {
		switch {
		case v.status != 0:
			line += fmt.Sprintf(": %d %s", v.status, http.StatusText(v.status))
		default:
			line += c.difference(before, w.object(c))
		}
		w.note("%s", line)
	}
	close(c.answer)
}

// generateName completes a name that the server would make at random.
func (w *World) generateName(c *call) {
	if c.method != http.MethodPost {
		return
	}
	var body map[string]any
	if json.Unmarshal(c.body, &body) != nil {
		return
	}
	metadata, _ := body["metadata"].(map[string]any)
	prefix, _ := metadata["generateName"].(string)
	if name, _ := metadata["name"].(string); prefix == "" || name != "" {
		return
	}
	w.names[prefix]++
	metadata["name"] = prefix + letters(w.names[prefix])
	body["metadata"] = metadata
	whole, err := json.Marshal(body)
	if err != nil {
		w.t.Fatal(err)
	}
	c.body = whole
}

// letters counts a, b, ... z, aa, ab, ...
func letters(n int) string {
	text := ""
	for ; n > 0; n = (n - 1) / 26 {
		text = string(rune('a'+(n-1)%26)) + text
	}
	return text
}

// describe tells of a write in a few words.
func (w *World) describe(c *call) string {
	verb := map[string]string{http.MethodPost: "create", http.MethodPut: "update", http.MethodPatch: "patch", http.MethodDelete: "delete", http.MethodGet: "get"}[c.method]
	name := nameOf(c)
	if c.ofCollection() {
		name = "all"
	}
	if sub := subresourceOf(c.path); sub != "" {
		name += " " + sub
	}
	return fmt.Sprintf("%s: %s %s %s", c.who, verb, resourceOf(c.path), name)
}

// parts are the elements of a request's path from the resource on.
func parts(p string) []string {
	all := strings.Split(strings.Trim(p, "/"), "/")
	all = all[min(2, len(all)):] // api/v1 or apis/group...
	if strings.HasPrefix(p, "/apis/") && len(all) > 0 {
		all = all[1:]
	}
	if len(all) > 2 && all[0] == "namespaces" && all[2] != "status" && all[2] != "finalize" {
		all = all[2:]
	}
	return all
}

// resourceOf is the resource that a request is about; of one to discovery it is the path, such as apis/policy/v1.
func resourceOf(p string) string {
	if path := strings.Trim(p, "/"); strings.Count(path, "/") < 2 || strings.HasPrefix(path, "apis/") && strings.Count(path, "/") == 2 {
		return path
	}
	if all := parts(p); len(all) > 0 {
		return all[0]
	}
	return ""
}

// targetOf is the resource and subresource.
func targetOf(p string) string { return path.Join(resourceOf(p), subresourceOf(p)) }

func subresourceOf(p string) string {
	if all := parts(p); len(all) > 2 {
		return all[2]
	}
	return ""
}

// nameOf is the name of the object that a request is about.
func nameOf(c *call) string {
	if all := parts(c.path); len(all) > 1 {
		return all[1]
	}
	var body struct{ Metadata struct{ Name string } }
	if json.Unmarshal(c.body, &body) != nil {
		return ""
	}
	return body.Metadata.Name
}

// object reads what a request is about, as it is now; nil when it is not there.
func (w *World) object(c *call) map[string]any {
	if !c.write() || w.quiet {
		return nil
	}
	where := c.path
	if sub := subresourceOf(where); sub != "" {
		where = path.Dir(where)
	}
	if c.method == http.MethodPost && subresourceOf(c.path) == "" {
		where = path.Join(where, nameOf(c))
	}
	return w.get(where)
}

// get reads an object at a path; nil when it is not there.
func (w *World) get(where string) map[string]any {
	data, err := w.client.CoreV1().RESTClient().Get().AbsPath(where).DoRaw(w.t.Context())
	if err != nil {
		return nil
	}
	var obj map[string]any
	if err := json.Unmarshal(data, &obj); err != nil {
		w.t.Fatal(err)
	}
	return obj
}

// note writes a line into the record of what happened.
func (w *World) note(format string, arguments ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lines = append(w.lines, fmt.Sprintf(format, arguments...))
}

// taken returns the record since the last call.
func (w *World) taken() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	lines := w.lines
	w.lines = nil
	return lines
}

// recorder notes events of a program that has not been killed.
type recorder struct {
	w   *World
	ctx context.Context
	who string
}

func (r recorder) Event(obj runtime.Object, kind, reason, message string) {
	if !r.w.quiet && r.ctx.Err() == nil {
		r.w.note("%s: event %s %s: %s", r.who, kind, reason, message)
	}
}

func (r recorder) Eventf(obj runtime.Object, kind, reason, format string, arguments ...any) {
	r.Event(obj, kind, reason, fmt.Sprintf(format, arguments...))
}

func (r recorder) AnnotatedEventf(obj runtime.Object, _ map[string]string, kind, reason, format string, arguments ...any) {
	r.Event(obj, kind, reason, fmt.Sprintf(format, arguments...))
}
