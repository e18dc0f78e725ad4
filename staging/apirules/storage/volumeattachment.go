package storage

import (
	"strings"

	storagev1 "k8s.io/api/storage/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/proa-sh/proa/staging/apirules/core"
	"github.com/proa-sh/proa/staging/apirules/meta"
)

// Limits of what an attacher reports.
const (
	maxErrorBytes    = 1024
	maxMetadataBytes = 256 * 1024
)

// ValidateVolumeAttachment reports faults of a new attachment.
func ValidateVolumeAttachment(a *storagev1.VolumeAttachment) field.ErrorList {
	errs := meta.ClusterScoped(&a.ObjectMeta, meta.SubdomainName)
	p, s := field.NewPath("spec"), &a.Spec
	if s.Attacher == "" {
		errs = append(errs, field.Required(p.Child("attacher"), s.Attacher))
	} else {
		errs = append(errs, meta.QualifiedName(strings.ToLower(s.Attacher), p.Child("attacher"))...)
		errs = append(errs, core.CSIDriverName(s.Attacher, p.Child("attacher"))...)
	}
	errs = append(errs, attachmentSource(&s.Source, p.Child("source"))...)
	if s.NodeName == "" {
		errs = append(errs, field.Required(p.Child("nodeName"), ""))
	} else {
		errs = append(errs, meta.Invalid(s.NodeName, p.Child("nodeName"), validation.IsDNS1123Subdomain(s.NodeName))...)
	}
	return append(errs, attachmentStatus(&a.Status, field.NewPath("status"))...)
}

func attachmentSource(s *storagev1.VolumeAttachmentSource, p *field.Path) field.ErrorList {
	switch {
	case s.PersistentVolumeName == nil && s.InlineVolumeSpec == nil:
		return field.ErrorList{field.Required(p, "must specify exactly one of inlineVolumeSpec and persistentVolumeName")}
	case s.PersistentVolumeName != nil && s.InlineVolumeSpec != nil:
		return field.ErrorList{field.Forbidden(p, "must specify exactly one of inlineVolumeSpec and persistentVolumeName")}
	case s.InlineVolumeSpec != nil:
		return core.InlinePersistentVolume(s.InlineVolumeSpec, p.Child("inlineVolumeSpec"))
	case *s.PersistentVolumeName == "":
		return field.ErrorList{field.Required(p.Child("persistentVolumeName"), "")}
	}
	return meta.Invalid(*s.PersistentVolumeName, p.Child("persistentVolumeName"), validation.IsDNS1123Subdomain(*s.PersistentVolumeName))
}

func attachmentStatus(s *storagev1.VolumeAttachmentStatus, p *field.Path) field.ErrorList {
	size := 0
	for k, v := range s.AttachmentMetadata {
		size += len(k) + len(v)
	}
	var errs field.ErrorList
	if size > maxMetadataBytes {
		errs = append(errs, field.TooLong(p.Child("attachmentMetadata"), "", maxMetadataBytes))
	}
	if e := s.AttachError; e != nil && len(e.Message) > maxErrorBytes {
		errs = append(errs, field.TooLong(p.Child("attachError", "message"), e.Message, maxErrorBytes))
	}
	if e := s.DetachError; e != nil && len(e.Message) > maxErrorBytes {
		errs = append(errs, field.TooLong(p.Child("detachError", "message"), e.Message, maxErrorBytes))
	}
	return errs
}

// ValidateVolumeAttachmentUpdate reports faults of an attachment that is to replace old; its spec stays.
func ValidateVolumeAttachmentUpdate(newA, old *storagev1.VolumeAttachment) field.ErrorList {
	errs := append(meta.Update(&newA.ObjectMeta, &old.ObjectMeta), attachmentStatus(&newA.Status, field.NewPath("status"))...)
	if !apiequality.Semantic.DeepEqual(newA.Spec, old.Spec) {
		errs = append(errs, field.Invalid(field.NewPath("spec"), newA.Spec, "field is immutable"))
	}
	return errs
}

// ValidateVolumeAttachmentStatusUpdate rules what an attacher reports.
func ValidateVolumeAttachmentStatusUpdate(newA, old *storagev1.VolumeAttachment) field.ErrorList {
	return ValidateVolumeAttachmentUpdate(newA, old)
}
