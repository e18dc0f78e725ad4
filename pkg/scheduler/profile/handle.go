package profile

import (
	"context"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/events"
	"k8s.io/klog/v2"
	"k8s.io/kube-scheduler/framework"
)

// ProfileName is the scheduler name of the profile.
func (p *Profile) ProfileName() string { return p.config.Name }

// SnapshotSharedLister is the snapshot of the running cycle.
func (p *Profile) SnapshotSharedLister() framework.SharedLister { return p.config.Snapshot }

// ClientSet is the client with the scheduler's identity.
func (p *Profile) ClientSet() kubernetes.Interface { return p.config.Client }

// KubeConfig is nil: a scheduler in the API server's process has none.
func (p *Profile) KubeConfig() *rest.Config { return nil }

// EventRecorder records events in the profile's name.
func (p *Profile) EventRecorder() events.EventRecorderLogger { return p.config.Recorder }

// SharedInformerFactory is where plugins get their informers from, when they are made.
func (p *Profile) SharedInformerFactory() informers.SharedInformerFactory { return p.config.Informers }

// Parallelizer splits work of a cycle over the cores.
func (p *Profile) Parallelizer() framework.Parallelizer { return p.parallelizer }

// Extenders are none: they are not supported.
func (p *Profile) Extenders() []framework.Extender { return nil }

// SharedDRAManager is nil: dynamic resource allocation is not scheduled.
func (p *Profile) SharedDRAManager() framework.SharedDRAManager { return nil }

// SharedCSIManager is nil: volume limits are not scheduled.
func (p *Profile) SharedCSIManager() framework.CSIManager { return nil }

// APIDispatcher is nil, as the interface has it for a scheduler that makes its calls where they arise.
func (p *Profile) APIDispatcher() framework.APIDispatcher { return nil }

// APICacher is nil, as APIDispatcher.
func (p *Profile) APICacher() framework.APICacher { return nil }

// PodGroupManager is nil: pod groups are an alpha API that is not served.
func (p *Profile) PodGroupManager() framework.PodGroupManager { return nil }

// SignPod is nil, which means that no pod is held to be like another.
func (p *Profile) SignPod(context.Context, *v1.Pod) framework.PodSignature { return nil }

// Activate makes the queue try pods at once.
func (p *Profile) Activate(logger klog.Logger, pods map[string]*v1.Pod) {
	p.config.Activate(klog.NewContext(context.Background(), logger), pods)
}

// IterateOverWaitingPods calls back for every pod that waits at Permit.
func (p *Profile) IterateOverWaitingPods(callback func(framework.WaitingPod)) {
	for _, w := range p.config.Waiting.all() {
		callback(w)
	}
}

// GetWaitingPod is a pod that waits at Permit, or nil.
func (p *Profile) GetWaitingPod(uid types.UID) framework.WaitingPod {
	if w := p.config.Waiting.get(uid); w != nil {
		return w
	}
	return nil
}

// RejectWaitingPod turns a pod down that waits at Permit.
func (p *Profile) RejectWaitingPod(uid types.UID) bool {
	return p.config.Waiting.Reject(uid, "removed")
}

// AddPodInPreBind notes how to cancel a pod's binding.
func (p *Profile) AddPodInPreBind(uid types.UID, cancel context.CancelCauseFunc) {
	w := p.config.Waiting
	w.mu.Lock()
	defer w.mu.Unlock()
	w.preBind[uid] = &podInPreBind{cancel: cancel}
}

// GetPodInPreBind is a pod whose binding may still be canceled, or nil.
func (p *Profile) GetPodInPreBind(uid types.UID) framework.PodInPreBind {
	w := p.config.Waiting
	w.mu.RLock()
	defer w.mu.RUnlock()
	if b, ok := w.preBind[uid]; ok {
		return b
	}
	return nil
}

// RemovePodInPreBind forgets a pod's binding.
func (p *Profile) RemovePodInPreBind(uid types.UID) {
	w := p.config.Waiting
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.preBind, uid)
}
