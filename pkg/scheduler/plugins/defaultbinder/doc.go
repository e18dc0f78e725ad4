// Package defaultbinder is the plugin DefaultBinder: it gives a pod its node by the subresource pods/binding.
//
// It extends bind. Tests: TestBind.
package defaultbinder
