package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"time"

	"golang.org/x/sync/errgroup"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	watchtools "k8s.io/client-go/tools/watch"

	"github.com/proa-sh/proa/pkg/cluster"
	"github.com/proa-sh/proa/pkg/cluster/control"
	"github.com/proa-sh/proa/pkg/cluster/images"
	"github.com/proa-sh/proa/pkg/cluster/steps"
	"github.com/proa-sh/proa/pkg/nodes"
)

// startWithin bounds one start.
const startWithin = 2 * time.Minute

// start is how long after `proa up` was called something was so.
type start struct {
	// api: /readyz answers ok over the network. node: the Node is ready. pod: a pod that was made as soon as the API
	// answered runs. up: the command has returned, which is when cluster DNS answers too.
	api, node, pod, up time.Duration
	// steps is how long each step took.
	steps map[string]time.Duration
}

func (s start) String() string {
	return fmt.Sprintf("API %.2f s, node %.2f s, pod %.2f s, up %.2f s", s.api.Seconds(), s.node.Seconds(), s.pod.Seconds(), s.up.Seconds())
}

// bench makes clusters in one place.
type bench struct {
	options
	cfg cluster.Config
}

func newBench(o options) (*bench, error) {
	cfg, err := cluster.DefaultConfig()
	if err != nil {
		return nil, err
	}
	cfg.UseDataDir(o.dataDir)
	return &bench{options: o, cfg: cfg}, nil
}

// proa runs a command; what it printed is in the error.
func (b *bench) proa(ctx context.Context, args ...string) error {
	out, err := exec.CommandContext(ctx, b.options.proa, append([]string{"--data-dir", b.dataDir}, args...)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("proa %s: %w: %s", args[0], err, bytes.TrimSpace(out))
	}
	return nil
}

// bothStarts measures a start from nothing, and one with the data of the first.
func (b *bench) bothStarts(ctx context.Context) (fresh, again start, err error) {
	if fresh, err = b.start(ctx, "first"); err != nil {
		return fresh, again, err
	}
	if err := b.proa(ctx, "down"); err != nil {
		return fresh, again, err
	}
	if again, err = b.start(ctx, "second"); err != nil {
		return fresh, again, err
	}
	return fresh, again, b.proa(ctx, "reset", "--yes")
}

// start starts a cluster and makes a pod in it.
func (b *bench) start(ctx context.Context, pod string) (start, error) {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	s := start{steps: map[string]time.Duration{}}
	began := time.Now()
	group, grouped := errgroup.WithContext(ctx)
	group.Go(func() error {
		err := b.proa(grouped, "up")
		s.up = time.Since(began)
		return err
	})
	group.Go(func() error {
		client, err := b.connect(grouped)
		if err != nil {
			return err
		}
		s.api = time.Since(began)
		group.Go(func() error {
			err := waitNode(grouped, client, b.cfg.NodeName, began)
			s.node = time.Since(began)
			return err
		})
		err = runPod(grouped, client, pod)
		s.pod = time.Since(began)
		return err
	})
	if err := group.Wait(); err != nil {
		return s, err
	}
	return s, control.NewClient(b.cfg.ControlSocket()).Follow(ctx, func(m control.Message) bool {
		if m.Event != nil && m.Event.State == steps.Started {
			s.steps[m.Event.Step] = m.Event.Took
		}
		return m.Phase != control.Running
	})
}

// retryPause is how often something is tried that nobody tells of: files and a server that are not there yet.
const retryPause = 2 * time.Millisecond

// retry calls try until it succeeds or fails for good.
func retry(ctx context.Context, try func() (done bool, err error)) error {
	pause := time.NewTicker(retryPause)
	defer pause.Stop()
	for {
		if done, err := try(); done || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-pause.C:
		}
	}
}

// connect waits until the API server is ready.
func (b *bench) connect(ctx context.Context) (kubernetes.Interface, error) {
	var config *rest.Config
	err := retry(ctx, func() (bool, error) {
		var err error
		config, err = clientcmd.BuildConfigFromFlags("", b.cfg.AdminKubeconfig())
		if errors.Is(err, os.ErrNotExist) {
			return false, nil
		}
		return err == nil, err
	})
	if err != nil {
		return nil, fmt.Errorf("read kubeconfig: %w", err)
	}
	config.QPS = -1
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	return client, retry(ctx, func() (bool, error) {
		code := 0
		client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).StatusCode(&code)
		return code == http.StatusOK, nil // else it does not answer yet
	})
}

// waitNode returns when the node is ready and its kubelet works, and not in a former life.
func waitNode(ctx context.Context, client kubernetes.Interface, name string, began time.Time) error {
	named := fields.OneTermEqualSelector("metadata.name", name)
	leases := cache.NewListWatchFromClient(client.CoordinationV1().RESTClient(), "leases", corev1.NamespaceNodeLease, named)
	err := until(ctx, leases, &coordinationv1.Lease{}, func(o runtime.Object) bool {
		lease, ok := o.(*coordinationv1.Lease)
		return ok && lease.Spec.RenewTime != nil && lease.Spec.RenewTime.After(began)
	})
	if err != nil {
		return err
	}
	return until(ctx, cache.NewListWatchFromClient(client.CoreV1().RESTClient(), "nodes", "", named), &corev1.Node{}, func(o runtime.Object) bool {
		node, ok := o.(*corev1.Node)
		return ok && nodes.IsReady(node)
	})
}

// runPod makes a pod of an image that every node has, and returns when it runs.
func runPod(ctx context.Context, client kubernetes.Interface, name string) error {
	pods := client.CoreV1().Pods(metav1.NamespaceDefault)
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "pause", Image: images.PauseName}}, TerminationGracePeriodSeconds: new(int64)},
	}
	err := retry(ctx, func() (bool, error) {
		_, err := pods.Create(ctx, pod, metav1.CreateOptions{})
		if apierrors.IsForbidden(err) || apierrors.IsNotFound(err) { // namespace and service account are being made
			return false, nil
		}
		return err == nil, err
	})
	if err != nil {
		return fmt.Errorf("create pod: %w", err)
	}
	list := cache.NewListWatchFromClient(client.CoreV1().RESTClient(), "pods", metav1.NamespaceDefault, fields.OneTermEqualSelector("metadata.name", name))
	return until(ctx, list, &corev1.Pod{}, func(o runtime.Object) bool {
		pod, ok := o.(*corev1.Pod)
		return ok && pod.Status.Phase == corev1.PodRunning
	})
}

func until(ctx context.Context, list cache.ListerWatcher, kind runtime.Object, wanted func(runtime.Object) bool) error {
	_, err := watchtools.UntilWithSync(ctx, list, kind, nil, func(event watch.Event) (bool, error) {
		return event.Type != watch.Deleted && wanted(event.Object), nil
	})
	if err != nil {
		return fmt.Errorf("wait for %T: %w", kind, err)
	}
	return nil
}
