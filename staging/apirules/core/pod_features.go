package core

import (
	v1 "k8s.io/api/core/v1"
)

// DropDisabledPodFields clears fields of a pod spec, or of a template's, whose feature a 1.36 server has off by default:
// stop signals (KEP-4960), scheduling groups (KEP-4671), projected trust bundles (KEP-3257) and certificates (KEP-4317).
// A field of a feature that the stored spec old uses stays. Old is nil for a new object. It is for strategies, between
// mutating admission and validation.
func DropDisabledPodFields(s, old *v1.PodSpec) {
	used := usedFeatures(old)
	if !used.schedulingGroup {
		s.SchedulingGroup = nil
	}
	if !used.stopSignal {
		forEachContainer(s, func(c *v1.Container) {
			if c.Lifecycle == nil || c.Lifecycle.StopSignal == nil {
				return
			}
			c.Lifecycle.StopSignal = nil
			if *c.Lifecycle == (v1.Lifecycle{}) {
				c.Lifecycle = nil
			}
		})
	}
	forEachProjection(s, func(p *v1.VolumeProjection) {
		if !used.trustBundle {
			p.ClusterTrustBundle = nil
		}
		if !used.certificate {
			p.PodCertificate = nil
		}
	})
}

// featureUse tells which features that are off by default a spec makes use of.
type featureUse struct {
	schedulingGroup, stopSignal, trustBundle, certificate bool
}

func usedFeatures(s *v1.PodSpec) featureUse {
	if s == nil {
		return featureUse{}
	}
	u := featureUse{schedulingGroup: s.SchedulingGroup != nil}
	forEachContainer(s, func(c *v1.Container) {
		u.stopSignal = u.stopSignal || c.Lifecycle != nil && c.Lifecycle.StopSignal != nil
	})
	forEachProjection(s, func(p *v1.VolumeProjection) {
		u.trustBundle = u.trustBundle || p.ClusterTrustBundle != nil
		u.certificate = u.certificate || p.PodCertificate != nil
	})
	return u
}

func forEachProjection(s *v1.PodSpec, visit func(*v1.VolumeProjection)) {
	for i := range s.Volumes {
		if s.Volumes[i].Projected == nil {
			continue
		}
		for j := range s.Volumes[i].Projected.Sources {
			visit(&s.Volumes[i].Projected.Sources[j])
		}
	}
}
