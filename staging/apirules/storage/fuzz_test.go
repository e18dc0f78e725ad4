package storage

import (
	"testing"

	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/proa-sh/proa/staging/apirules/internal/rulestest"
)

func TestFuzz(t *testing.T) {
	rulestest.Fuzz(t, rulestest.Rules[storagev1.StorageClass]{Default: SetStorageClassDefaults, Validate: ValidateStorageClass, Warnings: StorageClassWarnings,
		Update: []func(_, _ *storagev1.StorageClass) field.ErrorList{ValidateStorageClassUpdate}})
	rulestest.Fuzz(t, rulestest.Rules[storagev1.VolumeAttributesClass]{Validate: ValidateVolumeAttributesClass,
		Update: []func(_, _ *storagev1.VolumeAttributesClass) field.ErrorList{ValidateVolumeAttributesClassUpdate}})
	rulestest.Fuzz(t, rulestest.Rules[storagev1.CSIDriver]{Default: SetCSIDriverDefaults, Validate: ValidateCSIDriver,
		Update: []func(_, _ *storagev1.CSIDriver) field.ErrorList{ValidateCSIDriverUpdate}})
	rulestest.Fuzz(t, rulestest.Rules[storagev1.CSINode]{Validate: ValidateCSINode,
		Update: []func(_, _ *storagev1.CSINode) field.ErrorList{ValidateCSINodeUpdate}})
	rulestest.Fuzz(t, rulestest.Rules[storagev1.CSIStorageCapacity]{Validate: ValidateCSIStorageCapacity,
		Update: []func(_, _ *storagev1.CSIStorageCapacity) field.ErrorList{ValidateCSIStorageCapacityUpdate}})
	rulestest.Fuzz(t, rulestest.Rules[storagev1.VolumeAttachment]{Validate: ValidateVolumeAttachment,
		Update: []func(_, _ *storagev1.VolumeAttachment) field.ErrorList{ValidateVolumeAttachmentUpdate, ValidateVolumeAttachmentStatusUpdate}})
}
