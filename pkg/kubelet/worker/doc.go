// Package worker decides, for each pod of the node, what is to be done next, and sees that it is done.
//
// It owns one state machine per pod UID ([State]). [State.Step] is a function of the state and the time: it says which
// actions are due and when to look again; [State.Apply] takes the result of an action in. Neither reads a clock, calls
// anything or blocks. [Registry] knows the pods that have a worker and takes news for them; [Pool] owns one goroutine per pod that carries actions out through Config.Do, each in a goroutine of
// its own that is joined, and is woken by changes of the desired pod, runtime events, probe verdicts, finished actions and
// timers, never by polling.
//
// A pod is in one of these phases ([State.Phase]), which follows from facts that actions establish, so that no restart can bring
// it into a wrong one; State has the facts of each phase together:
//
//	Admitting  what the runtime holds is being read, the grant written down  until the record is on disk, or was found there
//	Preparing  cgroup, volumes, sandbox                                      until all three are there
//	Running    containers are started and kept                              back to Preparing when the sandbox dies
//	Stopping   containers, sidecars last, then sandboxes                    from any of the above, once Ending is set
//	Cleaning   volumes and cgroup; the object; the runtime's remains; logs  when nothing runs or can come to life
//	Done       nothing is left                                              the worker ends
//
// Containers that a pod has already are looked after in Preparing too. A change of resources is written down in any of the first
// three phases before anything else is done, and has stages of its own (resize.go), as has a restart of all containers in place
// (restartall.go). testdata/phases.txt goes through all of them.
//
// What the node has granted a pod is written down before it is acted on (Remember), and recalled by the next kubelet (Recall).
//
// Starts of sandboxes and containers, which keep the machine busy, are under way in a bounded number on the node (starts.go); what
// waits for its turn holds back nothing else of its pod or of others, and is given up when its pod is to end (TestStartsAreBounded,
// TestStartsHoldBackNothing).
//
// A status is published at once when it has news; only the end of a container that a changed pod replaces waits for its
// successor, a second at the most, and not when the pod ends (TestPublishedDue). What somebody else has changed in a status is
// put right with the next news, or ten seconds later (TestPoolCorrectsLater).
//
// In come desired pods, podstate.Observed, probe verdicts; out go actions, events, probe targets and podstate.View, from
// which the status is computed. It never talks to the container runtime or the API by itself and knows no other stage.
//
// The text scenarios in testdata (TestScenarios) show every path of a pod's life; run with -update after a change and review
// the difference. TestPool shows the acting part under a synthetic clock.
package worker
