// Package volumebinding is the plugin VolumeBinding: a pod waits until the claims that its volumes name exist and are
// bound, and runs only where the volumes bound to them can be reached.
//
// In come the pod, claims, volumes and storage classes; out goes why the pod has to wait, or why a node does not suit it.
// It extends preFilter (claims.go: what the claims are like) and filter (plugin.go: which nodes the bound volumes allow),
// and says by which changes of claims, volumes, classes and nodes it may suit (hints.go). It never writes: a claim that
// waits for its first consumer is not bound or provisioned for a node yet, so that its pod waits. BindTimeoutSeconds and
// shape of VolumeBindingArgs, which are about that, have no effect.
//
// Tests: TestPreFilter, TestFilter, TestHints.
package volumebinding
