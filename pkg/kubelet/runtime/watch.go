package runtime

import (
	"context"
	"fmt"
	"hash/fnv"
	"sort"
	"time"

	"google.golang.org/grpc/codes"
	"k8s.io/apimachinery/pkg/types"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/klog/v2"
)

const (
	// relistPeriod is the check on a working event stream.
	relistPeriod = 60 * time.Second
	// relistPeriodNoEvents replaces a stream that the runtime does not have, while something runs that could end.
	relistPeriodNoEvents = time.Second
	// reconnectDelay paces attempts while the runtime is away.
	reconnectDelay = time.Second
)

// Watch calls changed with the UID of every pod of which something changed in the runtime, until ctx ends. It prefers the
// runtime's event stream; a relist finds what the stream missed. A runtime without a stream is listed every second while
// something runs, and from when this kubelet starts something. changed must not block.
func (r *Runtime) Watch(ctx context.Context, changed func(types.UID)) {
	w := &watcher{r: r, changed: changed, seen: map[types.UID]uint64{}}
	done := make(chan struct{})
	lost := make(chan bool, 1)
	go func() {
		defer close(done)
		w.stream(ctx, lost)
	}()
	defer func() { <-done }()
	noEvents := false
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case unsupported := <-lost:
			// Whatever happened while the stream was away shows in a relist.
			noEvents = noEvents || unsupported
			r.forgetFeatures()
			timer.Reset(0)
		case <-r.started:
			if noEvents {
				timer.Reset(relistPeriodNoEvents)
			}
		case <-timer.C:
			running, err := w.relist(ctx)
			if err != nil && ctx.Err() == nil {
				klog.FromContext(ctx).Error(err, "Could not list what the container runtime holds")
			}
			if noEvents && (running || err != nil) {
				timer.Reset(relistPeriodNoEvents)
			} else {
				timer.Reset(relistPeriod)
			}
		}
	}
}

// didStart tells Watch that there is something that can end.
func (r *Runtime) didStart() {
	select {
	case r.started <- struct{}{}:
	default:
	}
}

type watcher struct {
	r       *Runtime
	changed func(types.UID)
	// seen is the fingerprint of each pod at the last relist; owned by Watch's goroutine.
	seen map[types.UID]uint64
}

// stream follows the event stream and takes it up again after a break. It sends on lost whenever events may have been
// missed: true when the runtime has no stream at all, after which it ends.
func (w *watcher) stream(ctx context.Context, lost chan<- bool) {
	for ctx.Err() == nil {
		err := w.follow(ctx)
		if ctx.Err() != nil {
			return
		}
		unsupported := grpcCode(err) == codes.Unimplemented
		select {
		case lost <- unsupported:
		default:
		}
		if unsupported {
			klog.FromContext(ctx).Info("The container runtime has no event stream; containers are listed every second instead while any runs")
			return
		}
		klog.FromContext(ctx).V(2).Info("Container event stream broke", "err", err)
		timer := time.NewTimer(reconnectDelay)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

// follow reads one stream to its end.
func (w *watcher) follow(ctx context.Context) error {
	events := make(chan *runtimeapi.ContainerEventResponse)
	result := make(chan error, 1)
	go func() {
		result <- w.r.cfg.CRI.GetContainerEvents(ctx, events, nil)
	}()
	for {
		select {
		case e := <-events:
			if uid := eventUID(e); uid != "" {
				w.changed(uid)
			}
		case err := <-result:
			return err
		}
	}
}

func eventUID(e *runtimeapi.ContainerEventResponse) types.UID {
	if uid := e.GetPodSandboxStatus().GetMetadata().GetUid(); uid != "" {
		return types.UID(uid)
	}
	for _, c := range e.GetContainersStatuses() {
		if uid := c.Labels[labelUID]; uid != "" {
			return types.UID(uid)
		}
	}
	return ""
}

// relist compares a fingerprint of every pod with the one before. It says whether anything runs.
func (w *watcher) relist(ctx context.Context) (running bool, err error) {
	sandboxes, err := w.r.cfg.CRI.ListPodSandbox(ctx, nil)
	if err != nil {
		return false, fmt.Errorf("list sandboxes: %w", err)
	}
	containers, err := w.r.cfg.CRI.ListContainers(ctx, nil)
	if err != nil {
		return false, fmt.Errorf("list containers: %w", err)
	}
	parts := map[types.UID][]string{}
	for _, s := range sandboxes {
		uid := types.UID(s.Labels[labelUID])
		parts[uid] = append(parts[uid], s.Id+s.State.String())
		running = running || s.State == runtimeapi.PodSandboxState_SANDBOX_READY
	}
	for _, c := range containers {
		uid := types.UID(c.Labels[labelUID])
		parts[uid] = append(parts[uid], c.Id+c.State.String())
		running = running || c.State == runtimeapi.ContainerState_CONTAINER_RUNNING
	}
	// Without the label it is not a pod of a kubelet.
	delete(parts, "")
	now := map[types.UID]uint64{}
	for uid, p := range parts {
		now[uid] = fingerprint(p)
		if now[uid] != w.seen[uid] {
			w.changed(uid)
		}
	}
	for uid := range w.seen {
		if _, ok := now[uid]; !ok {
			w.changed(uid)
		}
	}
	w.seen = now
	return running, nil
}

func fingerprint(parts []string) uint64 {
	sort.Strings(parts)
	h := fnv.New64a()
	for _, p := range parts {
		h.Write([]byte(p))
		h.Write([]byte{0})
	}
	return h.Sum64()
}
