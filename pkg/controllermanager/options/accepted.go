package options

import "github.com/proa-sh/proa/pkg/component"

// Accepted says what becomes of all flags; there is no configuration file.
func (o *Options) Accepted() component.Settings {
	return component.Settings{Flags: component.Merge(component.OneVersion(), component.ClientLimits(),
		volumeFlags(), cloudFlags(), absentControllers(), paceFlags())}
}

func volumeFlags() component.Table {
	volumes := component.NoEffect("no controller binds, provisions or attaches volumes yet")
	return component.Table{
		"attach-detach-reconcile-sync-period":        volumes,
		"concurrent-ephemeralvolume-syncs":           volumes,
		"disable-attach-detach-reconcile-sync":       volumes.Switch(),
		"disable-force-detach-on-timeout":            volumes.Switch(),
		"enable-dynamic-provisioning":                volumes.Switch().But("true"),
		"enable-hostpath-provisioner":                volumes.Switch(),
		"flex-volume-plugin-dir":                     volumes,
		"pv-recycler-increment-timeout-nfs":          volumes,
		"pv-recycler-minimum-timeout-hostpath":       volumes,
		"pv-recycler-minimum-timeout-nfs":            volumes,
		"pv-recycler-pod-template-filepath-hostpath": volumes,
		"pv-recycler-pod-template-filepath-nfs":      volumes,
		"pv-recycler-timeout-increment-hostpath":     volumes,
		"pvclaimbinder-sync-period":                  volumes,
	}
}

func cloudFlags() component.Table {
	const own = "the controllers of clouds are programs of their own (cloud-controller-manager)"
	cloud := component.NoEffect(own)
	return component.Table{
		"cidr-allocator-type":          component.Refused(own).But("", "RangeAllocator"),
		"cloud-config":                 cloud,
		"cloud-provider":               component.Refused(own).But("", "external"),
		"concurrent-service-syncs":     cloud,
		"configure-cloud-routes":       cloud.Switch(),
		"external-cloud-volume-plugin": cloud,
		"route-reconciliation-period":  cloud,
	}
}

func absentControllers() component.Table {
	absent := component.NoEffect("there is no such controller yet")
	return component.Table{
		"concurrent-device-taint-eviction-syncs":              absent,
		"concurrent-horizontal-pod-autoscaler-syncs":          absent,
		"concurrent-resourceclaim-syncs":                      absent,
		"concurrent-validating-admission-policy-status-syncs": absent,
		"horizontal-pod-autoscaler-cpu-initialization-period": absent,
		"horizontal-pod-autoscaler-downscale-stabilization":   absent,
		"horizontal-pod-autoscaler-initial-readiness-delay":   absent,
		"horizontal-pod-autoscaler-sync-period":               absent,
		"horizontal-pod-autoscaler-tolerance":                 absent,
	}
}

func paceFlags() component.Table {
	events := component.NoEffect("controllers are woken by events, and look at everything only when they start")
	batches := component.NoEffect("endpoints follow their pods at once; what comes while one write is under way goes with the next")
	return component.Table{
		"cluster-name":                                 component.NoEffect("nothing is named after the cluster").But("", "kubernetes"),
		"controller-shutdown-timeout":                  component.NoEffect("the program ends when its controllers have ended"),
		"controller-start-interval":                    component.NoEffect("all controllers start at once"),
		"enable-garbage-collector":                     component.Refused("leave it out by --controllers=*,-garbage-collector-controller").Switch().But("true"),
		"enable-leader-migration":                      component.Refused("there is one lock for all controllers").Switch(),
		"endpoint-updates-batch-period":                batches,
		"endpointslice-updates-batch-period":           batches,
		"leader-migration-config":                      component.Refused("there is one lock for all controllers"),
		"min-resync-period":                            events,
		"mirroring-endpointslice-updates-batch-period": batches,
		"mirroring-max-endpoints-per-subset":           component.NoEffect("all endpoints are mirrored, up to the API's own limit of 1000 a subset").But("", "1000"),
		"namespace-sync-period":                        events,
		"node-monitor-period":                          events,
		"resource-quota-sync-period":                   events,
	}
}
