// Package queue holds the pods that wait for a node, and decides which one is tried next and when one that did not fit
// is tried again.
//
// A pod is in one of these places:
//
//	active        to be tried now, in the order of the QueueSort plugin
//	backoff       to be tried after a penalty: 1 s after the first failure, doubling up to 10 s. When nothing is active,
//	              the pod whose penalty ends first is tried at once: the penalty is there to let others go first.
//	errors        as backoff, but never early: the last attempt failed by an error, not by the cluster's state
//	unschedulable did not fit, or is gated. Waits for an event that can change that, by the word of the plugins that
//	              turned it down (their queueing hints). After five minutes it is tried anyway, as a check on the hints.
//	in flight     popped; a cycle or a binding is at work on it. Events of that time are kept, and held against the
//	              pod's rejection when it comes back, so none is lost.
//
// In come pods from informers, events that may make room, and verdicts from cycles. Out go pods by Pop. Nothing is
// polled: one timer stands for the earliest end of a penalty or of the five minutes. The queue never looks at nodes,
// never talks to the API server, and has no opinion on why a pod does not fit.
//
// Tests: TestScenarios (testdata/*.txt, recorded), TestPopWaits, TestEventLogIsBounded, TestNominator.
package queue
