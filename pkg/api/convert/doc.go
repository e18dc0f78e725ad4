// Package convert has the conversions of the kinds that are served in a second version: the core group's events in
// events.k8s.io, and autoscaling/v1 beside v2.
//
// In come objects of either version, out go objects of the other, with copies of everything that the two share. A
// conversion loses nothing: what one version has no field for travels in annotations. TestEvents and TestAutoscaling show it.
package convert
