package component

// absentGates are the feature gates that are on by default in Kubernetes 1.36 whose features are not there, and why.
// Whoever sets one to true is told so. TestGatesAreHeld checks that there are no others.
func absentGates() map[string]string {
	const devices = "no device is allocated: pods with resource claims wait"
	return map[string]string{
		"APIServerIdentity":                   "API servers have no identity leases",
		"CSIServiceAccountTokenSecrets":       "there are no CSI volumes yet",
		"DRAConsumableCapacity":               devices,
		"DRADeviceBindingConditions":          devices,
		"DRADeviceTaints":                     devices,
		"DRAExtendedResource":                 devices,
		"DRAPartitionableDevices":             devices,
		"DRAPrioritizedList":                  devices,
		"DRAResourceClaimDeviceStatus":        devices,
		"DRASchedulerFilterTimeout":           devices,
		"DynamicResourceAllocation":           devices,
		"ExternalServiceAccountTokenSigner":   "the server signs tokens itself",
		"HPAConfigurableTolerance":            "there is no controller of HorizontalPodAutoscalers yet",
		"MutableCSINodeAllocatableCount":      "there are no CSI volumes yet",
		"NodeDeclaredFeatures":                "nodes declare no features, and nobody looks at them",
		"OpportunisticBatching":               "each pod is scheduled by itself",
		"RecoverVolumeExpansionFailure":       "there is no controller that expands volumes yet",
		"SchedulerAsyncPreemption":            "pods are preempted within the scheduling of the pod that needs their place",
		"UnknownVersionInteroperabilityProxy": "an API server passes no requests on to its like",
		"VolumeAttributesClass":               "there is no controller that modifies volumes yet",
	}
}
