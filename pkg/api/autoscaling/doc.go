// Package autoscaling declares the resources of the API group autoscaling: v2, which is stored, and v1, which is converted
// (pkg/api/convert). TestTargets and the table goldens of pkg/api show it.
package autoscaling
