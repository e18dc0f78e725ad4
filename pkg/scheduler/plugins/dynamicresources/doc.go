// Package dynamicresources is the plugin DynamicResources: a pod waits until the resource claims that it names are
// allocated and reserved for it, and runs only where they can be used.
//
// The scheduler does not allocate claims yet. A pod with a claim that nobody else has allocated therefore stays
// unschedulable, and says so, instead of starting without its device. In come the pod and resource claims; out goes why
// the pod has to wait or why a node does not suit it. It extends preFilter and filter, and never writes. FilterTimeout and
// BindingTimeout of DynamicResourcesArgs, which are about allocation, have no effect.
//
// Tests: TestFilter, TestHints.
package dynamicresources
