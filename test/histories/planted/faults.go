package main

// fault is a mistake: in file, right stands once and becomes wrong.
type fault struct {
	name, file   string
	right, wrong string
}

const controllers = "pkg/controllers/"

// faults are mistakes that were made once, or easily are.
var faults = []fault{
	{"own-deletions-are-failures", controllers + "job/controller.go", "r.deletePods(ctx, o.job, out.remove, out.keep)", "r.deletePods(ctx, o.job, out.remove, true)"},
	{"half-deleted-pod-stays", controllers + "job/count.go", "t.given = append(t.given, pod)", "t.active = append(t.active, pod)"},
	{"suspended-job-cannot-end", "staging/apirules/batch/job_status.go", "&& !neverStarts {", "&& (!neverStarts || true) {"},
	{"job-counts-before-status", controllers + "job/count.go", "\t\tholding[pod.UID] = tracked(pod)\n", "\t\tholding[pod.UID] = false\n"},
	{"job-success-counts-twice", controllers + "job/count.go", "\tt.newSuccess = true\n\tif !indexed(job) {", "\tt.newSuccess = true\n\tt.succeeded++\n\tif !indexed(job) {"},
	{"duplicate-index", controllers + "job/plan.go", "if busy[n] || t.completed.has(n) || t.failedIndexes.has(n) {", "if t.completed.has(n) || t.failedIndexes.has(n) {"},
	{"stale-cache", controllers + "control/ledger.go", "if u == nil || l.allSeen(key, u) {", "if true {"},
	{"claim-owners-after-pod", controllers + "statefulset/controller.go", "\tunkept := r.keepClaims(ctx, o)", "\tdefer func() { _ = r.keepClaims(ctx, o) }()\n\tunkept := error(nil)"},
	{"claim-that-leaves-is-taken", controllers + "statefulset/controller.go", "if err == nil && leaving(existing, set, pod) {", "if existing == nil && err == nil {"},
	{"set-waits-for-ended-pod", controllers + "statefulset/plan.go", "!(pod != nil && pods.IsTerminal(pod))", "true"},
	{"set-without-order", controllers + "statefulset/plan.go", "return o.set.Spec.PodManagementPolicy != apps.ParallelPodManagement", "return false"},
	{"surge-ignored", controllers + "deployment/plan.go", "\troom := int64(wanted(d)) + int64(surge) - sum(r.old, size) - int64(current)\n", "\troom := int64(wanted(d)) + int64(surge)\n"},
	{"daemon-surplus", controllers + "daemonset/plan.go", "case len(running) == 0 && !ending && len(out.remove) == 0:", "case len(running) <= 1 && !ending && len(out.remove) == 0:"},
	{"daemon-update-stops", controllers + "daemonset/rolling.go", "candidates[:min(max(missing-unavailable, 0), len(candidates))]", "candidates[:min(max(missing-unavailable-1, 0), len(candidates))]"},
	{"budget-closed-by-bare-pod", controllers + "disruption/scale.go", "\t\t\tunmanaged++\n\t\t\tcontinue\n", "\t\t\treturn 0, 0, fmt.Errorf(\"found no controller ref for pod %q\", pod.Name)\n"},
	{"owner-by-uid-alone", controllers + "garbagecollector/graph.go", "return err == nil && owner.kind == schema.GroupKind{Group: group.Group, Kind: ref.Kind} && ref.Name", "_ = group\n\treturn err == nil && ref.Name"},
	{"living-owner-ignored", controllers + "garbagecollector/controller.go", "\t\t\tfound := solid\n", "\t\t\tfound := dangling\n"},
	{"adopts-what-others-own", controllers + "control/index.go", "\t\tif ref := metav1.GetControllerOfNoCopy(obj); ref != nil {\n\t\t\treturn []string{string(ref.UID)}, nil\n", "\t\tif ref := metav1.GetControllerOfNoCopy(obj); ref != nil && ref.Kind != \"Job\" {\n\t\t\treturn []string{string(ref.UID)}, nil\n"},
	{"job-forgets-suspension", controllers + "job/status.go", "\t\tnow.StartTime = nil\n", ""},
	{"cron-every-drifts", controllers + "cronjob/plan.go", "parseSchedule(o.cron.Spec.Schedule, zone, o.last())", "parseSchedule(o.cron.Spec.Schedule, zone, o.now)"},
	{"replica-set-forgets-ending", controllers + "replicaset/plan.go", "surplus := len(active) - int(replicas(o.set))", "surplus := len(o.pods) - int(replicas(o.set))"},
	{"job-forgets-failures", controllers + "job/plan.go", ".atLeast(streak(o.job, o.pods))", ""},
	{"pause-moves-with-the-clock", controllers + "job/backoff.go", "\t\treturn pod.CreationTimestamp.Time\n", "\t\treturn time.Now()\n"},
	{"endless-history", controllers + "control/revisions/revisions.go", "if limit < 0 {", "if false {"},
	{"circle-stays-closed", controllers + "garbagecollector/plan.go", "unblock: o.circle && n.blocksAny()", "unblock: false"},
	{"namespace-empty-at-once", controllers + "namespace/plan.go", "case now.Before(settled):", "case false:"},
	{"namespace-forgets-silent-group", controllers + "namespace/plan.go", "if len(p.undiscovered)+len(p.failed)+len(p.left) > 0 {", "if len(p.failed)+len(p.left) > 0 {"},
	{"namespace-takes-all-at-once", controllers + "namespace/content.go", "\t\tif len(p.left)+len(p.failed) > 0 {\n\t\t\treturn", "\t\tif len(p.failed) > 0 {\n\t\t\treturn"},
	{"token-in-use-marked", controllers + "legacytoken/plan.go", " || slices.ContainsFunc(o.pods, func(pod *v1.Pod) bool { return refersTo(pod, o.secret.Name) }) {", " {"},
}
