package scheduler

import (
	"fmt"
	"maps"
	"slices"

	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"
	"k8s.io/kube-scheduler/framework"
)

// others are the kinds beside pods and nodes whose changes plugins can ask for. None is watched that no plugin asks for.
func others() map[framework.EventResource]func(informers.SharedInformerFactory) cache.SharedIndexInformer {
	type factory = informers.SharedInformerFactory
	type informer = cache.SharedIndexInformer
	return map[framework.EventResource]func(factory) informer{
		framework.PersistentVolume:      func(f factory) informer { return f.Core().V1().PersistentVolumes().Informer() },
		framework.PersistentVolumeClaim: func(f factory) informer { return f.Core().V1().PersistentVolumeClaims().Informer() },
		framework.StorageClass:          func(f factory) informer { return f.Storage().V1().StorageClasses().Informer() },
		framework.CSINode:               func(f factory) informer { return f.Storage().V1().CSINodes().Informer() },
		framework.CSIDriver:             func(f factory) informer { return f.Storage().V1().CSIDrivers().Informer() },
		framework.VolumeAttachment:      func(f factory) informer { return f.Storage().V1().VolumeAttachments().Informer() },
		framework.CSIStorageCapacity:    func(f factory) informer { return f.Storage().V1().CSIStorageCapacities().Informer() },
		framework.ResourceClaim:         func(f factory) informer { return f.Resource().V1().ResourceClaims().Informer() },
		framework.ResourceSlice:         func(f factory) informer { return f.Resource().V1().ResourceSlices().Informer() },
		framework.DeviceClass:           func(f factory) informer { return f.Resource().V1().DeviceClasses().Informer() },
	}
}

// watchOthers tells the queue of changes of the kinds that plugins have asked for.
func (s *Scheduler) watchOthers(f informers.SharedInformerFactory) error {
	known := others()
	for _, resource := range s.askedFor() {
		informer, ok := known[resource]
		if !ok {
			return fmt.Errorf("watch %s, which a plugin asks for: the scheduler does not know this kind", resource)
		}
		registration, err := informer(f).AddEventHandler(s.notifier(resource))
		if err != nil {
			return fmt.Errorf("watch %s: %w", resource, err)
		}
		s.synced = append(s.synced, registration.HasSyncedChecker())
	}
	return nil
}

// askedFor are the kinds beside pods and nodes that plugins have registered, sorted.
func (s *Scheduler) askedFor() []framework.EventResource {
	asked := map[framework.EventResource]bool{}
	for _, hints := range s.hints {
		for _, events := range hints {
			for _, e := range events {
				asked[e.Event.Resource] = true
			}
		}
	}
	for _, resource := range []framework.EventResource{framework.Pod, framework.Node, framework.WildCard} {
		delete(asked, resource)
	}
	return slices.Sorted(maps.Keys(asked))
}

func (s *Scheduler) notifier(resource framework.EventResource) cache.ResourceEventHandler {
	notify := func(action framework.ActionType, old, obj any) {
		s.queue.Notify(s.handling, framework.ClusterEvent{Resource: resource, ActionType: action}, old, obj)
	}
	return cache.ResourceEventHandlerFuncs{
		AddFunc:    func(obj any) { notify(framework.Add, nil, obj) },
		UpdateFunc: func(old, obj any) { notify(framework.Update, old, obj) },
		DeleteFunc: func(obj any) {
			if gone, ok := obj.(cache.DeletedFinalStateUnknown); ok {
				obj = gone.Obj
			}
			notify(framework.Delete, obj, nil)
		},
	}
}
