package faults

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"

	"github.com/proa-sh/proa/pkg/cluster/process"
	"github.com/proa-sh/proa/test/faults/journal"
)

// follower follows the objects of one resource: each connection goes on from where the last one was.
type follower struct {
	*journal.Follower
	resource resource
	client   dynamic.ResourceInterface
	journal  *journal.Journal
	// connections counts watches that were begun.
	connections atomic.Int64
	// expiredIn is the life of the server in which a watch was last not possible any more; of the goroutine that follows.
	expiredIn process.Process
	// lost are objects with the one weakness that is known; of the goroutine that follows, until it has ended.
	lost map[string]bool
}

// followers are all of them.
type followers struct {
	cancel  context.CancelFunc
	workers sync.WaitGroup
	list    []*follower
}

func follow(c *cluster, j *journal.Journal) *followers {
	ctx, cancel := context.WithCancel(context.Background())
	all := &followers{cancel: cancel}
	for _, r := range followed() {
		f := &follower{Follower: journal.NewFollower(j, r.Resource), resource: r, journal: j, lost: map[string]bool{},
			client: c.watches.Resource(r.GroupVersionResource).Namespace(namespace)}
		all.list = append(all.list, f)
		all.workers.Go(func() { f.run(ctx) })
	}
	return all
}

func (all *followers) stop() {
	all.cancel()
	all.workers.Wait()
}

func (f *follower) run(ctx context.Context) {
	expired := true // nothing is known
	for ctx.Err() == nil {
		var err error
		if expired {
			err = f.relist(ctx)
		} else {
			err = f.watch(ctx)
		}
		gone := apierrors.IsResourceExpired(err) || apierrors.IsGone(err)
		if gone {
			f.expired(err)
		}
		expired = gone || expired && err != nil
		if err != nil && !gone {
			select {
			case <-ctx.Done():
			case <-time.After(retry):
			}
		}
	}
}

// expired notes that the server cannot tell what happened since. Its watch cache begins with a list at its start: so a watch that
// was behind at that moment has to list too, once in each life of the server.
func (f *follower) expired(err error) {
	f.journal.Note("the watch of %s from %d is not possible any more: %v", f.resource.Resource, f.Last(), err)
	life, err := server.find()
	switch {
	case err != nil: // it has ended since
	case life == f.expiredIn:
		f.journal.Fault("a watch of %s was not possible any more twice in one life of the server, from %d", f.resource.Resource, f.Last())
	default:
		f.expiredIn = life
	}
}

// relist takes the whole list, as it is now.
func (f *follower) relist(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	revision, states, err := list(ctx, f.client, f.resource)
	if err == nil {
		f.List(revision, states)
	}
	return err
}

// list reads all objects of the load.
func list(ctx context.Context, client dynamic.ResourceInterface, r resource) (revision int64, states map[string]journal.State, err error) {
	found, err := client.List(ctx, metav1.ListOptions{LabelSelector: label})
	if err != nil {
		return 0, nil, err
	}
	states = map[string]journal.State{}
	for i := range found.Items {
		states[found.Items[i].GetName()] = r.state(&found.Items[i])
	}
	revision, err = strconv.ParseInt(found.GetResourceVersion(), 10, 64)
	return revision, states, err
}

// watch goes on until the connection ends.
func (f *follower) watch(ctx context.Context) error {
	w, err := f.client.Watch(ctx, metav1.ListOptions{LabelSelector: label, ResourceVersion: strconv.FormatInt(f.Last(), 10), AllowWatchBookmarks: true})
	if err != nil {
		return err
	}
	defer w.Stop()
	f.connections.Add(1)
	for event := range w.ResultChan() {
		u, ok := event.Object.(*unstructured.Unstructured)
		switch {
		case event.Type == watch.Error:
			return apierrors.FromObject(event.Object)
		case !ok:
			return fmt.Errorf("the watch of %s tells a %T", f.resource.Resource, event.Object)
		}
		state := f.resource.state(u)
		revision := state.Revision
		if f.resource.fault != nil && event.Type != watch.Bookmark {
			f.look(u)
		}
		switch event.Type {
		case watch.Bookmark:
			f.Bookmark(revision)
		case watch.Deleted:
			f.Event(u.GetName(), revision, journal.State{})
		default:
			f.Event(u.GetName(), revision, state)
		}
	}
	return fmt.Errorf("the watch of %s ended", f.resource.Resource)
}

// look tells what is wrong with an object.
func (f *follower) look(u *unstructured.Unstructured) {
	err := f.resource.fault(u)
	switch {
	case errors.Is(err, errLostExit):
		f.lost[u.GetName()] = true
		f.journal.Note("%s: %v", u.GetName(), err)
	case err != nil:
		f.journal.Fault("%v", err)
	}
}

// caughtUp says what the watch has still to tell for the objects to be as they are listed.
func (f *follower) caughtUp(ctx context.Context) error {
	_, states, err := list(ctx, f.client, f.resource)
	if err != nil {
		return err
	}
	same := func(a, b journal.State) bool { return a.UID == b.UID && a.Revision == b.Revision }
	if told := f.Objects(); !maps.EqualFunc(states, told, same) {
		return fmt.Errorf("the watch of %s told %v, it is %v", f.resource.Resource, told, states)
	}
	return nil
}
