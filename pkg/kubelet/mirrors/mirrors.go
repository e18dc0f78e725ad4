package mirrors

import (
	"context"
	"fmt"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/klog/v2"

	"github.com/proa-sh/proa/pkg/pods"
)

// Known is what is known of the static pods of one name.
type Known struct {
	// Wanted is the static pod, Mirror what the API shows; nil for none.
	Wanted, Mirror *v1.Pod
	// Ending says that an earlier static pod of that name has not ended yet.
	Ending bool
}

// Config is what a Keeper works with.
type Config struct {
	Client kubernetes.Interface
	// Look tells what is known of a name.
	Look func(types.NamespacedName) Known
	// Node gives the node as the API has it; mirrors belong to it.
	Node func() (*v1.Node, error)
}

// Keeper keeps the mirrors of one node.
type Keeper struct {
	cfg   Config
	queue workqueue.TypedRateLimitingInterface[types.NamespacedName]
}

// The pauses after a failure; it doubles with each in a row.
const (
	firstRetry   = 100 * time.Millisecond
	longestRetry = 10 * time.Second
)

// New makes a Keeper. It ends with Run.
func New(cfg Config) *Keeper {
	limiter := workqueue.NewTypedItemExponentialFailureRateLimiter[types.NamespacedName](firstRetry, longestRetry)
	return &Keeper{cfg: cfg, queue: workqueue.NewTypedRateLimitingQueue(limiter)}
}

// Wake has the mirror of that name looked at. It does not block.
func (k *Keeper) Wake(name types.NamespacedName) { k.queue.Add(name) }

// Run works until ctx ends.
func (k *Keeper) Run(ctx context.Context) error {
	var working sync.WaitGroup
	working.Go(func() {
		for {
			name, ended := k.queue.Get()
			if ended {
				return
			}
			if err := k.sync(ctx, name); err != nil {
				if ctx.Err() == nil {
					klog.FromContext(ctx).V(2).Info("Could not bring a mirror pod up to date; trying again", "pod", name, "err", err)
				}
				k.queue.AddRateLimited(name)
			} else {
				k.queue.Forget(name)
			}
			k.queue.Done(name)
		}
	})
	<-ctx.Done()
	k.queue.ShutDown()
	working.Wait()
	return nil
}

// action is what is due for one name.
type action string

const (
	nothing action = "nothing"
	create  action = "create"
	remove  action = "remove"
)

// plan decides. A mirror that shows another content stays until that has ended, for it shows the end.
func plan(known Known) action {
	switch {
	case known.Wanted == nil && known.Mirror == nil:
		return nothing
	case known.Mirror == nil:
		return create
	case known.Wanted != nil && shows(known.Mirror, known.Wanted), known.Ending:
		return nothing
	}
	return remove
}

// shows says whether the mirror is one of just this static pod, and is to stay.
func shows(mirror, pod *v1.Pod) bool {
	return mirror.DeletionTimestamp == nil && mirror.Annotations[v1.MirrorPodAnnotationKey] == pod.Annotations[pods.HashAnnotation]
}

func (k *Keeper) sync(ctx context.Context, name types.NamespacedName) error {
	known := k.cfg.Look(name)
	api := k.cfg.Client.CoreV1().Pods(name.Namespace)
	switch plan(known) {
	case create:
		mirror, err := k.mirror(known.Wanted)
		if err != nil {
			return err
		}
		_, err = api.Create(ctx, mirror, metav1.CreateOptions{})
		// The informer will show the one that is there.
		if err != nil && !apierrors.IsAlreadyExists(err) {
			return fmt.Errorf("create mirror pod: %w", err)
		}
	case remove:
		now, uid := int64(0), known.Mirror.UID
		err := api.Delete(ctx, name.Name, metav1.DeleteOptions{GracePeriodSeconds: &now, Preconditions: &metav1.Preconditions{UID: &uid}})
		if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
			return fmt.Errorf("delete mirror pod: %w", err)
		}
	}
	return nil
}

// mirror is what the API is to show of a static pod. It belongs to the node, so that it goes with it.
func (k *Keeper) mirror(pod *v1.Pod) (*v1.Pod, error) {
	node, err := k.cfg.Node()
	if err != nil {
		return nil, fmt.Errorf("find the owner of mirror pods: %w", err)
	}
	mirror := &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: pod.Name, Namespace: pod.Namespace, Labels: pod.Labels, Annotations: map[string]string{},
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: v1.SchemeGroupVersion.String(), Kind: "Node", Name: node.Name, UID: node.UID, Controller: new(true),
			}},
		},
		Spec: *pod.Spec.DeepCopy(),
	}
	for key, value := range pod.Annotations {
		mirror.Annotations[key] = value
	}
	mirror.Annotations[v1.MirrorPodAnnotationKey] = pod.Annotations[pods.HashAnnotation]
	return mirror, nil
}
