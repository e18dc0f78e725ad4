// Package status computes what the API shows of a pod on this node, and writes it there.
//
// It owns: phase, conditions, container statuses, addresses and resources of a pod's status ([Compute], a pure function of
// podstate.View), and the patch that brings the API from the last known status to the new one ([Publisher]). In come views;
// out go v1.PodStatus values and PATCH requests on the status subresource that carry changed fields only, so that
// conditions which belong to others stay. It never decides what should run, never retries (the worker does), and
// keeps no state. TestCompute shows the statuses as goldens of YAML, TestPatch what is sent.
package status
