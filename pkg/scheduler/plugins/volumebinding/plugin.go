package volumebinding

import (
	"context"
	"fmt"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	corelisters "k8s.io/client-go/listers/core/v1"
	storagelisters "k8s.io/client-go/listers/storage/v1"
	clientcache "k8s.io/client-go/tools/cache"
	"k8s.io/component-helpers/storage/volume"
	configv1 "k8s.io/kube-scheduler/config/v1"
	"k8s.io/kube-scheduler/framework"
)

// Name is the plugin's name in configurations.
const Name = "VolumeBinding"

const filterKey framework.StateKey = "PreFilter" + Name

// Plugin holds pods back whose claims are not bound, and keeps them where their volumes are.
type Plugin struct {
	claims  corelisters.PersistentVolumeClaimLister
	volumes corelisters.PersistentVolumeLister
	classes storagelisters.StorageClassLister
	synced  []clientcache.DoneChecker

	unboundImmediate, noneToBind, conflict, noVolume *framework.Status
}

var (
	_ framework.PreFilterPlugin   = &Plugin{}
	_ framework.FilterPlugin      = &Plugin{}
	_ framework.EnqueueExtensions = &Plugin{}
)

// New makes the plugin from *VolumeBindingArgs.
func New(_ context.Context, obj runtime.Object, handle framework.Handle) (framework.Plugin, error) {
	if _, ok := obj.(*configv1.VolumeBindingArgs); !ok {
		return nil, fmt.Errorf("want VolumeBindingArgs, got %T", obj)
	}
	core, storage := handle.SharedInformerFactory().Core().V1(), handle.SharedInformerFactory().Storage().V1()
	p := &Plugin{
		claims:           core.PersistentVolumeClaims().Lister(),
		volumes:          core.PersistentVolumes().Lister(),
		classes:          storage.StorageClasses().Lister(),
		unboundImmediate: rejected("pod has unbound immediate PersistentVolumeClaims"),
		noneToBind:       rejected("node(s) didn't find available persistent volumes to bind"),
		conflict:         rejected("node(s) had volume node affinity conflict"),
		noVolume:         rejected("node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)"),
	}
	for _, informer := range []clientcache.SharedIndexInformer{
		core.PersistentVolumeClaims().Informer(), core.PersistentVolumes().Informer(), storage.StorageClasses().Informer(),
	} {
		p.synced = append(p.synced, informer.HasSyncedChecker())
	}
	return p, nil
}

// Name is the plugin's name.
func (*Plugin) Name() string { return Name }

// Synced are the states of the informers that the plugin reads.
func (p *Plugin) Synced() []clientcache.DoneChecker { return p.synced }

// found is what PreFilter leaves for Filter.
type found struct {
	// volumes are those of the bound claims that exist.
	volumes []*v1.PersistentVolume
	// missing says that a bound claim's volume does not exist.
	missing bool
	// delayed says that a claim is to be bound for the node.
	delayed bool
}

// Clone returns the data itself, which no one changes.
func (f *found) Clone() framework.StateData { return f }

// PreFilter turns a pod down whose claims cannot be used, and skips pods without any.
func (p *Plugin) PreFilter(_ context.Context, state framework.CycleState, pod *v1.Pod, _ []framework.NodeInfo) (*framework.PreFilterResult, *framework.Status) {
	claims, status := p.claimsOf(pod)
	if !status.IsSuccess() {
		return nil, status
	}
	if len(claims.immediate) > 0 {
		return nil, p.unboundImmediate
	}
	if len(claims.bound)+len(claims.delayed) == 0 {
		return nil, framework.NewStatus(framework.Skip)
	}
	f := &found{delayed: len(claims.delayed) > 0}
	for _, claim := range claims.bound {
		pv, err := p.volumes.Get(claim.Spec.VolumeName)
		switch {
		case apierrors.IsNotFound(err):
			f.missing = true
		case err != nil:
			return nil, framework.AsStatus(fmt.Errorf("get volume %q: %w", claim.Spec.VolumeName, err))
		default:
			f.volumes = append(f.volumes, pv)
		}
	}
	state.Write(filterKey, f)
	return nil, nil
}

// PreFilterExtensions is nil: where volumes are does not depend on other pods.
func (*Plugin) PreFilterExtensions() framework.PreFilterExtensions { return nil }

// Filter turns a node down that cannot reach one of the pod's volumes.
func (p *Plugin) Filter(_ context.Context, state framework.CycleState, _ *v1.Pod, node framework.NodeInfo) *framework.Status {
	data, err := state.Read(filterKey)
	if err != nil {
		return framework.AsStatus(err)
	}
	f := data.(*found)
	if f.missing {
		return p.noVolume
	}
	for _, pv := range f.volumes {
		// A term that cannot be parsed matches no node.
		if volume.CheckNodeAffinity(pv, node.Node().Labels) != nil {
			return p.conflict
		}
	}
	if f.delayed {
		return p.noneToBind
	}
	return nil
}
