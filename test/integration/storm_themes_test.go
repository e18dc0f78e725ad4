package integration

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// rename gives an object a name of its own, in the form that its kind asks for.
func rename(u *unstructured.Unstructured, n int) {
	name := fmt.Sprintf("storm-%d", n)
	switch u.GetKind() {
	case "IPAddress":
		name = fmt.Sprintf("203.0.%d.%d", n/250, n%250+1)
	case "CustomResourceDefinition":
		set(u, name+".example.org", "spec", "group")
		name = "storms." + name + ".example.org"
	case "Event": // it lives where what it is about lives
		if u.GetAPIVersion() == "v1" {
			set(u, map[string]any{"kind": "Pod", "name": "a", "namespace": u.GetNamespace()}, "involvedObject")
		} else {
			set(u, map[string]any{"kind": "Pod", "name": "a", "namespace": u.GetNamespace()}, "regarding")
		}
	case "APIService":
		set(u, name+".example.org", "spec", "group")
		name = "v1." + name + ".example.org"
	}
	u.SetName(name)
	u.SetGenerateName("")
}

func set(u *unstructured.Unstructured, value any, path ...string) {
	// It fails when a parent is no map, which is odd enough.
	_ = unstructured.SetNestedField(u.Object, value, path...)
}

const huge = int64(math.MaxInt32)

// themes are ways to be odd that chance finds seldom: fields that are odd only together.
var themes = map[string][]func(*rand.Rand, *unstructured.Unstructured){
	"Service":               {oddService},
	"Deployment":            {replicas, hugeSeconds("minReadySeconds", "progressDeadlineSeconds"), oddTemplate, selectsOthers},
	"ReplicaSet":            {replicas, hugeSeconds("minReadySeconds"), oddTemplate, selectsOthers},
	"ReplicationController": {replicas, hugeSeconds("minReadySeconds"), oddTemplate},
	"StatefulSet":           {replicas, oddStatefulSet, oddTemplate, selectsOthers},
	"DaemonSet":             {oddTemplate, selectsOthers, hugeSeconds("minReadySeconds")},
	"Job":                   {oddJob, oddTemplate},
	"CronJob":               {oddCronJob},
	"PodDisruptionBudget":   {selectsEverything},
	"Pod":                   {func(r *rand.Rand, u *unstructured.Unstructured) { oddPod(r, u, "spec") }},
	"Node":                  {oddNode},
	"ClusterRole": {func(_ *rand.Rand, u *unstructured.Unstructured) {
		set(u, []any{map[string]any{}}, "aggregationRule", "clusterRoleSelectors")
	}},
	"Lease":                   {hugeSeconds("leaseDurationSeconds", "leaseTransitions")},
	"HorizontalPodAutoscaler": {hugeSeconds("minReplicas", "maxReplicas")},
}

// oddMeta makes metadata odd.
func oddMeta(r *rand.Rand, u *unstructured.Unstructured) {
	switch r.IntN(6) {
	case 0:
		u.SetName(u.GetName() + "-" + strings.Repeat("a", []int{253, 63, 52}[r.IntN(3)]-1-len(u.GetName())))
	case 1:
		u.SetFinalizers([]string{"example.org/storm", "example.org/storm"}[:1+r.IntN(2)])
	case 2:
		u.SetLabels(map[string]string{"app": "a", "kubernetes.io/hostname": "", "example.org/a": strings.Repeat("a", 63)})
	case 3:
		u.SetAnnotations(map[string]string{"example.org/a": strings.Repeat("a", 100<<10)})
	}
}

func replicas(r *rand.Rand, u *unstructured.Unstructured) {
	set(u, pick(r, []int64{huge, huge - 1, 3, 0}), "spec", "replicas")
}

func hugeSeconds(fields ...string) func(*rand.Rand, *unstructured.Unstructured) {
	return func(r *rand.Rand, u *unstructured.Unstructured) {
		for i, f := range fields {
			set(u, huge-int64(len(fields)-1-i), "spec", f)
		}
	}
}

func selectsEverything(r *rand.Rand, u *unstructured.Unstructured) {
	set(u, pick(r, []any{map[string]any{}, map[string]any{"matchExpressions": []any{
		map[string]any{"key": "app", "operator": "NotIn", "values": []any{"nobody"}}, map[string]any{"key": "app", "operator": "Exists"}, map[string]any{"key": "app", "operator": "DoesNotExist"},
	}}}), "spec", "selector")
	u.Object["spec"].(map[string]any)["minAvailable"] = pick(r, oddPercents)
}

// selectsOthers selects the pods of nearly all workloads.
func selectsOthers(r *rand.Rand, u *unstructured.Unstructured) {
	if r.IntN(2) == 0 {
		set(u, map[string]any{"matchExpressions": []any{map[string]any{"key": "app", "operator": "Exists"}}}, "spec", "selector")
	}
}

func oddTemplate(r *rand.Rand, u *unstructured.Unstructured) {
	oddPod(r, u, "spec", "template", "spec")
}

func oddPod(r *rand.Rand, u *unstructured.Unstructured, spec ...string) {
	at := func(field ...string) []string { return append(append([]string{}, spec...), field...) }
	quantity := func() any { return pick(r, oddQuantities) }
	switch r.IntN(8) {
	case 0:
		set(u, huge, at("terminationGracePeriodSeconds")...)
		set(u, int64(math.MaxInt32), at("activeDeadlineSeconds")...)
	case 1:
		one := map[string]any{"name": "c", "image": "i", "resources": map[string]any{"requests": map[string]any{"cpu": quantity(), "memory": quantity(), "example.org/a": "1"}, "limits": map[string]any{"cpu": "1e30", "memory": "1e30", "example.org/a": "1"}}}
		set(u, []any{one}, at("containers")...)
	case 2:
		set(u, []any{map[string]any{"maxSkew": huge, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "DoNotSchedule", "minDomains": huge, "labelSelector": map[string]any{}}}, at("topologySpreadConstraints")...)
	case 3:
		set(u, []any{map[string]any{"operator": "Exists", "effect": "NoExecute", "tolerationSeconds": pick(r, []int64{math.MaxInt64, math.MinInt64, -1, 0})}}, at("tolerations")...)
	case 4:
		term := map[string]any{"topologyKey": "kubernetes.io/hostname", "labelSelector": map[string]any{}, "namespaceSelector": map[string]any{}}
		set(u, map[string]any{pick(r, []string{"podAffinity", "podAntiAffinity"}): map[string]any{"requiredDuringSchedulingIgnoredDuringExecution": []any{term, term}}}, at("affinity")...)
	case 5:
		set(u, pick(r, []string{"nobody", "steady"}), at("nodeName")...)
	case 6:
		set(u, []any{map[string]any{"name": "a"}}, at("schedulingGates")...)
	}
}

func oddStatefulSet(r *rand.Rand, u *unstructured.Unstructured) {
	set(u, pick(r, []string{"Parallel", "OrderedReady"}), "spec", "podManagementPolicy")
	set(u, pick(r, []int64{0, 5, huge}), "spec", "ordinals", "start")
	set(u, pick(r, []int64{0, huge}), "spec", "updateStrategy", "rollingUpdate", "partition")
	u.Object["spec"].(map[string]any)["updateStrategy"].(map[string]any)["rollingUpdate"].(map[string]any)["maxUnavailable"] = pick(r, oddPercents)
}

func oddJob(r *rand.Rand, u *unstructured.Unstructured) {
	for _, f := range []string{"parallelism", "completions", "backoffLimit", "activeDeadlineSeconds", "ttlSecondsAfterFinished", "backoffLimitPerIndex", "maxFailedIndexes"} {
		if r.IntN(2) == 0 {
			set(u, pick(r, []int64{0, 1, 100000, huge}), "spec", f)
		}
	}
	set(u, pick(r, []string{"Indexed", "NonIndexed"}), "spec", "completionMode")
	set(u, r.IntN(4) == 0, "spec", "suspend")
}

func oddCronJob(r *rand.Rand, u *unstructured.Unstructured) {
	set(u, pick(r, []string{"59 23 31 2 *", "0 0 29 2 *", "@every 1ns", "@every 1s", "@every 2562047h", "* * * * *"}), "spec", "schedule")
	for _, f := range []string{"startingDeadlineSeconds", "successfulJobsHistoryLimit", "failedJobsHistoryLimit"} {
		set(u, pick(r, []int64{0, 1, huge, math.MaxInt64}), "spec", f)
	}
}

// oddService has fronts that meet: node ports that are other ports' numbers, the node's and the API server's own addresses.
func oddService(r *rand.Rand, u *unstructured.Unstructured) {
	set(u, pick(r, []string{"ClusterIP", "NodePort", "LoadBalancer", "NodePort"}), "spec", "type")
	var ports []any
	for i := range 1 + r.IntN(4) {
		port := map[string]any{"name": fmt.Sprint("p", i), "port": pick(r, []int64{80, 30080, 30081, 65535}), "targetPort": pick(r, oddPercents), "protocol": pick(r, []string{"TCP", "UDP", "SCTP"})}
		if r.IntN(2) == 0 {
			port["nodePort"] = pick(r, []int64{30080, 30081, 32767})
		}
		ports = append(ports, port)
	}
	set(u, ports, "spec", "ports")
	set(u, pick(r, []any{map[string]any{}, map[string]any{"app": "a"}}), "spec", "selector")
	set(u, []any{steadyAddress, pick(r, []any{"192.0.2.8", steadyAddress, "2001:db8::1"})}, "spec", "externalIPs")
	if r.IntN(3) == 0 {
		set(u, "Local", "spec", "externalTrafficPolicy")
	}
	if r.IntN(3) == 0 {
		set(u, pick(r, []string{"None", "10.96.0.77"}), "spec", "clusterIP")
	}
}

func oddNode(r *rand.Rand, u *unstructured.Unstructured) {
	set(u, map[string]any{"cpu": pick(r, oddQuantities), "memory": "1e30", "pods": pick(r, oddQuantities)}, "status", "capacity")
	set(u, map[string]any{"cpu": pick(r, oddQuantities), "memory": pick(r, oddQuantities), "pods": "9223372036854775807"}, "status", "allocatable")
	set(u, []any{map[string]any{"type": "Ready", "status": pick(r, []string{"True", "Unknown", "odd"}), "lastHeartbeatTime": pick(r, oddTimes)}}, "status", "conditions")
	set(u, []any{map[string]any{"key": "a", "effect": "NoExecute"}, map[string]any{"key": "a", "effect": "NoSchedule"}}, "spec", "taints")
	set(u, pick(r, []string{"10.244.0.0/24", "10.244.0.0/30", "192.0.2.0/24", "0.0.0.0/0"}), "spec", "podCIDR")
}
