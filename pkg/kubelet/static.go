package kubelet

import (
	"context"
	"errors"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/proa-sh/proa/pkg/kubelet/desired"
	"github.com/proa-sh/proa/pkg/kubelet/mirrors"
	"github.com/proa-sh/proa/pkg/kubelet/status"
	"github.com/proa-sh/proa/pkg/kubelet/worker"
)

// followStatic takes the static pods over.
func (p *parts) followStatic(ctx context.Context) error {
	if p.cfg.Static == nil {
		p.desired.SetStatic(nil)
		return nil
	}
	return p.cfg.Static(ctx, p.desired.SetStatic)
}

// apiNode is the node as the API has it.
func (p *parts) apiNode() (*v1.Node, error) {
	if err := p.node.Healthy(); err != nil {
		return nil, err
	}
	return p.node.Node(context.Background())
}

// lookStatic tells the mirrors what is known of static pods.
func (p *parts) lookStatic(name types.NamespacedName) mirrors.Known {
	s := p.desired.Static(name)
	return mirrors.Known{Wanted: s.Wanted, Mirror: s.Mirror, Ending: s.Ending}
}

// publishStatic writes the status of a static pod to its mirror. Without one it is only kept: a mirror that comes brings its
// own status, which is corrected then.
func (p *parts) publishStatic(ctx context.Context, t worker.Task, r *worker.Result) {
	known := *t.Pod
	known.Status = *t.Status
	r.Pod = &known
	mirror := p.desired.Static(types.NamespacedName{Namespace: t.Pod.Namespace, Name: t.Pod.Name}).Mirror
	if !desired.Mirrors(mirror, t.Pod) {
		return
	}
	written, err := p.publisher.Publish(ctx, mirror, t.Status)
	if errors.Is(err, status.ErrGone) {
		return
	}
	if err != nil {
		r.Pod, r.Err = nil, err
		return
	}
	known.Status, known.ResourceVersion = written.Status, written.ResourceVersion
}
