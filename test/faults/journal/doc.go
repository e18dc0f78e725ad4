// Package journal is what a client knows of a server that may be killed at any moment: what it has acknowledged, and what it may
// have done without an answer.
//
// In: for each write how it ended, as soon as it has; what was read; what watches told ([Follower]). Out: what must not be: an
// acknowledged write that is not there, a resourceVersion that went back, something given to two, an event that was left out.
// Each write is a line of a log, too. The package knows nothing of Kubernetes but that an object has a name, a UID and a
// resourceVersion, which is a number that grows over all objects.
//
// Shown by journal_test.go and follower_test.go.
package journal
