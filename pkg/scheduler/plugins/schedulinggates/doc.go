// Package schedulinggates is the plugin SchedulingGates: a pod with gates in spec.schedulingGates is not tried until the
// last of them is taken away (KEP-3521).
//
// It extends preEnqueue. Tests: TestPreEnqueue, TestHints.
package schedulinggates
