package core

import (
	"testing"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/proa-sh/proa/staging/apirules/internal/rulestest"
)

func TestFuzzPod(t *testing.T) {
	rulestest.Fuzz(t, rulestest.Rules[v1.Pod]{
		Normalize: NormalizePod, Default: SetPodDefaults, Validate: ValidatePod, Warnings: PodWarnings,
		Update: []func(_, _ *v1.Pod) field.ErrorList{ValidatePodUpdate, ValidatePodStatusUpdate,
			ValidatePodEphemeralContainersUpdate, ValidatePodResize},
		Prepare: []func(_, _ *v1.Pod){PreparePodResize, func(pod, _ *v1.Pod) { MergeMatchLabelKeys(pod) }, func(pod, _ *v1.Pod) { QOSClass(&pod.Spec) }},
	})
}

func TestFuzzService(t *testing.T) {
	rulestest.Fuzz(t, rulestest.Rules[v1.Service]{
		Normalize: NormalizeService, Default: SetServiceDefaults, Validate: ValidateService, Warnings: ServiceWarnings,
		Update:  []func(_, _ *v1.Service) field.ErrorList{ValidateServiceUpdate, ValidateServiceStatusUpdate},
		Prepare: []func(_, _ *v1.Service){PrepareServiceUpdate, KeepAllocatedServiceFields, NormalizeServiceUpdate},
	})
}

func TestFuzzNode(t *testing.T) {
	rulestest.Fuzz(t, rulestest.Rules[v1.Node]{
		Normalize: NormalizeNode, Default: SetNodeDefaults, Validate: ValidateNode, Warnings: NodeWarnings,
		Update: []func(_, _ *v1.Node) field.ErrorList{ValidateNodeUpdate, ValidateNodeStatusUpdate},
	})
}

func TestFuzzNamespace(t *testing.T) {
	rulestest.Fuzz(t, rulestest.Rules[v1.Namespace]{
		Default: SetNamespaceDefaults, Validate: ValidateNamespace,
		Update: []func(_, _ *v1.Namespace) field.ErrorList{ValidateNamespaceUpdate, ValidateNamespaceStatusUpdate, ValidateNamespaceFinalizeUpdate},
	})
}

func TestFuzzConfig(t *testing.T) {
	rulestest.Fuzz(t, rulestest.Rules[v1.ConfigMap]{Validate: ValidateConfigMap,
		Update: []func(_, _ *v1.ConfigMap) field.ErrorList{ValidateConfigMapUpdate}})
	rulestest.Fuzz(t, rulestest.Rules[v1.Secret]{Normalize: NormalizeSecret, Default: SetSecretDefaults, Validate: ValidateSecret,
		Update: []func(_, _ *v1.Secret) field.ErrorList{ValidateSecretUpdate}, Prepare: []func(_, _ *v1.Secret){PrepareSecretUpdate}})
	rulestest.Fuzz(t, rulestest.Rules[v1.ServiceAccount]{Validate: ValidateServiceAccount, Warnings: ServiceAccountWarnings,
		Update: []func(_, _ *v1.ServiceAccount) field.ErrorList{ValidateServiceAccountUpdate}})
}

func TestFuzzEndpointsAndEvents(t *testing.T) {
	rulestest.Fuzz(t, rulestest.Rules[v1.Endpoints]{Default: SetEndpointsDefaults, Validate: ValidateEndpoints, Warnings: EndpointsWarnings,
		Update: []func(_, _ *v1.Endpoints) field.ErrorList{ValidateEndpointsUpdate}})
	rulestest.Fuzz(t, rulestest.Rules[v1.Event]{Validate: ValidateEvent,
		Update: []func(_, _ *v1.Event) field.ErrorList{ValidateEventUpdate, ValidateEventsV1EventUpdate,
			func(e, _ *v1.Event) field.ErrorList { return ValidateEventsV1Event(e) }}})
}

func TestFuzzLimits(t *testing.T) {
	rulestest.Fuzz(t, rulestest.Rules[v1.LimitRange]{Default: SetLimitRangeDefaults, Validate: ValidateLimitRange,
		Update: []func(_, _ *v1.LimitRange) field.ErrorList{ValidateLimitRangeUpdate}})
	rulestest.Fuzz(t, rulestest.Rules[v1.ResourceQuota]{Default: SetResourceQuotaDefaults, Validate: ValidateResourceQuota,
		Update: []func(_, _ *v1.ResourceQuota) field.ErrorList{ValidateResourceQuotaUpdate, ValidateResourceQuotaStatusUpdate}})
}

func TestFuzzTemplates(t *testing.T) {
	rulestest.Fuzz(t, rulestest.Rules[v1.PodTemplate]{Normalize: NormalizePodTemplate, Default: SetPodTemplateDefaults,
		Validate: ValidatePodTemplate, Warnings: PodTemplateWarnings, Update: []func(_, _ *v1.PodTemplate) field.ErrorList{ValidatePodTemplateUpdate}})
	rulestest.Fuzz(t, rulestest.Rules[v1.ReplicationController]{Normalize: NormalizeReplicationController,
		Default: SetReplicationControllerDefaults, Validate: ValidateReplicationController, Warnings: ReplicationControllerWarnings,
		Update: []func(_, _ *v1.ReplicationController) field.ErrorList{ValidateReplicationControllerUpdate, ValidateReplicationControllerStatusUpdate}})
}

func TestFuzzVolumes(t *testing.T) {
	rulestest.Fuzz(t, rulestest.Rules[v1.PersistentVolume]{Default: SetPersistentVolumeDefaults, Validate: ValidatePersistentVolume,
		Warnings: PersistentVolumeWarnings,
		Update:   []func(_, _ *v1.PersistentVolume) field.ErrorList{ValidatePersistentVolumeUpdate, ValidatePersistentVolumeStatusUpdate}})
	rulestest.Fuzz(t, rulestest.Rules[v1.PersistentVolumeClaim]{Normalize: NormalizePersistentVolumeClaim,
		Default: SetPersistentVolumeClaimDefaults, Validate: ValidatePersistentVolumeClaim, Warnings: PersistentVolumeClaimWarnings,
		Update: []func(_, _ *v1.PersistentVolumeClaim) field.ErrorList{ValidatePersistentVolumeClaimUpdate, ValidatePersistentVolumeClaimStatusUpdate}})
}
