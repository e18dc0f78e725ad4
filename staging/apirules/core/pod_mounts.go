package core

import (
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/proa-sh/proa/staging/apirules/meta"
)

// volumeMounts rules where a container sees the pod's volumes.
func (r *podRules) volumeMounts(c *v1.Container, p *field.Path) field.ErrorList {
	deviceNames, devicePaths := sets.New[string](), sets.New[string]()
	for _, d := range c.VolumeDevices {
		deviceNames.Insert(d.Name)
		devicePaths.Insert(d.DevicePath)
	}
	var errs field.ErrorList
	paths := sets.New[string]()
	for i := range c.VolumeMounts {
		m, mp := &c.VolumeMounts[i], p.Index(i)
		errs = append(errs, r.mountedVolume(m, mp)...)
		errs = append(errs, meta.Required(m.MountPath, mp.Child("mountPath"))...)
		if paths.Has(m.MountPath) {
			errs = append(errs, field.Invalid(mp.Child("mountPath"), m.MountPath, "must be unique"))
		}
		paths.Insert(m.MountPath)
		if deviceNames.Has(m.Name) {
			errs = append(errs, field.Invalid(mp.Child("name"), m.Name, "must not already exist in volumeDevices"))
		}
		if devicePaths.Has(m.MountPath) {
			errs = append(errs, field.Invalid(mp.Child("mountPath"), m.MountPath, "must not already exist as a path in volumeDevices"))
		}
		errs = append(errs, subPaths(m, mp)...)
		errs = append(errs, mountPropagation(m, c, mp.Child("mountPropagation"))...)
		errs = append(errs, recursiveReadOnly(m, mp.Child("recursiveReadOnly"))...)
	}
	return errs
}

func (r *podRules) mountedVolume(m *v1.VolumeMount, p *field.Path) field.ErrorList {
	if m.Name == "" {
		return field.ErrorList{field.Required(p.Child("name"), "")}
	}
	if r.volumes[m.Name] == nil {
		return field.ErrorList{field.NotFound(p.Child("name"), m.Name)}
	}
	return nil
}

func subPaths(m *v1.VolumeMount, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	if m.SubPath != "" {
		errs = append(errs, meta.LocalPath(m.SubPath, p.Child("subPath"))...)
	}
	if m.SubPathExpr != "" {
		if m.SubPath != "" {
			errs = append(errs, field.Invalid(p.Child("subPathExpr"), m.SubPathExpr, "subPathExpr and subPath are mutually exclusive"))
		}
		errs = append(errs, meta.LocalPath(m.SubPathExpr, p.Child("subPathExpr"))...)
	}
	return errs
}

func mountPropagation(m *v1.VolumeMount, c *v1.Container, p *field.Path) field.ErrorList {
	if m.MountPropagation == nil {
		return nil
	}
	errs := meta.In(*m.MountPropagation, p, v1.MountPropagationBidirectional, v1.MountPropagationHostToContainer, v1.MountPropagationNone)
	privileged := c.SecurityContext != nil && c.SecurityContext.Privileged != nil && *c.SecurityContext.Privileged
	if *m.MountPropagation == v1.MountPropagationBidirectional && !privileged {
		errs = append(errs, field.Forbidden(p, "Bidirectional mount propagation is available only to privileged containers"))
	}
	return errs
}

// recursiveReadOnly is for read-only mounts that nothing can be mounted into (KEP-3857).
func recursiveReadOnly(m *v1.VolumeMount, p *field.Path) field.ErrorList {
	if m.RecursiveReadOnly == nil {
		return nil
	}
	mode := *m.RecursiveReadOnly
	errs := meta.In(mode, p, v1.RecursiveReadOnlyDisabled, v1.RecursiveReadOnlyIfPossible, v1.RecursiveReadOnlyEnabled)
	if len(errs) > 0 || mode == v1.RecursiveReadOnlyDisabled {
		return errs
	}
	if !m.ReadOnly {
		errs = append(errs, field.Forbidden(p, "may only be specified when readOnly is true"))
	}
	if m.MountPropagation != nil && *m.MountPropagation != v1.MountPropagationNone {
		errs = append(errs, field.Forbidden(p, "may only be specified when mountPropagation is None or not specified"))
	}
	return errs
}

// volumeDevices rules where a container sees block volumes.
func (r *podRules) volumeDevices(c *v1.Container, p *field.Path) field.ErrorList {
	mountNames, mountPaths := sets.New[string](), sets.New[string]()
	for i := range c.VolumeMounts {
		mountNames.Insert(c.VolumeMounts[i].Name)
		mountPaths.Insert(c.VolumeMounts[i].MountPath)
	}
	var errs field.ErrorList
	names, paths := sets.New[string](), sets.New[string]()
	for i, d := range c.VolumeDevices {
		dp := p.Index(i)
		errs = append(errs, r.device(d, dp)...)
		if names.Has(d.Name) {
			errs = append(errs, field.Invalid(dp.Child("name"), d.Name, "must be unique"))
		}
		names.Insert(d.Name)
		if d.DevicePath != "" && paths.Has(d.DevicePath) {
			errs = append(errs, field.Invalid(dp.Child("devicePath"), d.DevicePath, "must be unique"))
		}
		paths.Insert(d.DevicePath)
		if d.DevicePath != "" && mountPaths.Has(d.DevicePath) {
			errs = append(errs, field.Invalid(dp.Child("devicePath"), d.DevicePath, "must not already exist as a path in volumeMounts"))
		}
		if mountNames.Has(d.Name) {
			errs = append(errs, field.Invalid(dp.Child("name"), d.Name, "must not already exist in volumeMounts"))
		}
	}
	return errs
}

func (r *podRules) device(d v1.VolumeDevice, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	if d.Name == "" {
		errs = append(errs, field.Required(p.Child("name"), ""))
	} else if src := r.volumes[d.Name]; src == nil {
		errs = append(errs, field.NotFound(p.Child("name"), d.Name))
	} else if src.PersistentVolumeClaim == nil && src.Ephemeral == nil {
		errs = append(errs, field.Invalid(p.Child("name"), d.Name, "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode"))
	}
	errs = append(errs, meta.Required(d.DevicePath, p.Child("devicePath"))...)
	return append(errs, meta.NoBacksteps(d.DevicePath, p.Child("devicePath"))...)
}
