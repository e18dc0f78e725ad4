// Package limitranger is the admission plugin LimitRanger: it fills in the requests and limits that a container leaves out
// from the namespace's LimitRanges, and refuses pods and claims outside of their bounds.
//
// In: an informer of LimitRanges. defaults.go decides what a pod gets, bounds.go what is refused; both are pure.
// TestDefaults, TestBounds and TestAdmit show it.
package limitranger
