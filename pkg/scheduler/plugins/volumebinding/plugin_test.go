package volumebinding

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/kube-scheduler/framework"

	"github.com/proa-sh/proa/pkg/scheduler/plugintest"
)

const (
	boundTo  = "metadata: {annotations: {pv.kubernetes.io/bind-completed: 'yes'}}\nspec: {volumeName: %}\nstatus: {phase: Bound}"
	usesData = "spec: {volumes: [{name: v, persistentVolumeClaim: {claimName: data}}]}"
	usesOwn  = "spec: {volumes: [{name: own, ephemeral: {}}]}"
	owned    = "metadata: {ownerReferences: [{apiVersion: v1, kind: Pod, name: pod, uid: %, controller: true}]}"
)

func with(text, value string) string { return strings.ReplaceAll(text, "%", value) }

func claim(t *testing.T, name, yaml string) *v1.PersistentVolumeClaim {
	c := &v1.PersistentVolumeClaim{}
	plugintest.Fill(t, c, yaml)
	c.Namespace, c.Name, c.UID = "default", name, types.UID(name)
	return c
}

// volumeOf is a volume of nodes in one zone, or of all for "".
func volumeOf(t *testing.T, name, zone string) *v1.PersistentVolume {
	pv := &v1.PersistentVolume{}
	if zone != "" {
		plugintest.Fill(t, pv, "spec: {nodeAffinity: {required: {nodeSelectorTerms: [{matchExpressions: [{key: zone, operator: In, values: ["+zone+"]}]}]}}}")
	}
	pv.Name = name
	return pv
}

// environment is the plugin with two nodes, one in each zone, and what it reads.
func environment(t *testing.T, objects ...any) *plugintest.Env {
	e := plugintest.New(t, Name, New, nil).Nodes(
		plugintest.Node(t, "a", "metadata: {labels: {zone: a}}"), plugintest.Node(t, "b", "metadata: {labels: {zone: b}}"))
	later := &storagev1.StorageClass{}
	plugintest.Fill(t, later, "{metadata: {name: later}, volumeBindingMode: WaitForFirstConsumer}")
	core, storage := e.Informers.Core().V1(), e.Informers.Storage().V1()
	for _, obj := range append(objects, later) {
		indexer := storage.StorageClasses().Informer().GetIndexer()
		switch obj.(type) {
		case *v1.PersistentVolumeClaim:
			indexer = core.PersistentVolumeClaims().Informer().GetIndexer()
		case *v1.PersistentVolume:
			indexer = core.PersistentVolumes().Informer().GetIndexer()
		}
		if err := indexer.Add(obj); err != nil {
			t.Fatal(err)
		}
	}
	return e
}

func TestPreFilter(t *testing.T) {
	free := map[string]string{"a": "", "b": ""}
	no := func(reason string) map[string]string {
		return map[string]string{"*": "UnschedulableAndUnresolvable: " + reason}
	}
	immediate := no("pod has unbound immediate PersistentVolumeClaims")
	tests := []struct {
		name, pod string
		objects   []any
		want      map[string]string
	}{
		{name: "no claims", pod: "spec: {volumes: [{name: v, emptyDir: {}}]}", want: free},
		{name: "missing", pod: usesData, want: no(`persistentvolumeclaim "data" not found`)},
		{name: "another namespace's", pod: "metadata: {namespace: other}\n" + usesData, objects: []any{claim(t, "data", with(boundTo, "pv")), volumeOf(t, "pv", "")},
			want: no(`persistentvolumeclaim "data" not found`)},
		{name: "unbound", pod: usesData, objects: []any{claim(t, "data", "status: {phase: Pending}")}, want: immediate},
		{name: "unbound, of no class that exists", pod: usesData, objects: []any{claim(t, "data", "spec: {storageClassName: gone}")}, want: immediate},
		{name: "bound in one direction", pod: usesData, objects: []any{claim(t, "data", "spec: {volumeName: pv, storageClassName: later}"), volumeOf(t, "pv", "")}, want: immediate},
		{name: "lost", pod: usesData, objects: []any{claim(t, "data", "spec: {volumeName: pv}\nstatus: {phase: Lost}")},
			want: no(`persistentvolumeclaim "data" bound to non-existent persistentvolume "pv"`)},
		{name: "on its way out", pod: usesData, objects: []any{deleting(t), volumeOf(t, "pv", "")},
			want: no(`persistentvolumeclaim "data" is being deleted`)},
		{name: "bound", pod: usesData, objects: []any{claim(t, "data", with(boundTo, "pv")), volumeOf(t, "pv", "")}, want: free},
		{name: "ephemeral, not made yet", pod: usesOwn, want: no(`waiting for ephemeral volume controller to create the persistentvolumeclaim "pod-own"`)},
		{name: "ephemeral, somebody else's", pod: usesOwn, objects: []any{claim(t, "pod-own", with(boundTo, "pv")), volumeOf(t, "pv", "")},
			want: no("PVC default/pod-own was not created for pod default/pod (pod is not owner)")},
		{name: "ephemeral", pod: usesOwn, objects: []any{withOwner(t, claim(t, "pod-own", with(boundTo, "pv"))), volumeOf(t, "pv", "")}, want: free},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			pod := plugintest.Pod(t, "pod", tt.pod)
			if diff := cmp.Diff(tt.want, environment(t, tt.objects...).Filter(pod)); diff != "" {
				t.Errorf("status (-want +got):\n%s", diff)
			}
		})
	}
}

// deleting is a claim that waits for its finalizer.
func deleting(t *testing.T) *v1.PersistentVolumeClaim {
	return claim(t, "data", "metadata: {deletionTimestamp: '2026-01-01T00:00:00Z'}\nspec: {volumeName: pv}")
}

func withOwner(t *testing.T, c *v1.PersistentVolumeClaim) *v1.PersistentVolumeClaim {
	owner := claim(t, c.Name, with(owned, "pod"))
	c.OwnerReferences = owner.OwnerReferences
	return c
}

func TestFilter(t *testing.T) {
	const (
		conflict = "UnschedulableAndUnresolvable: node(s) had volume node affinity conflict"
		none     = "UnschedulableAndUnresolvable: node(s) didn't find available persistent volumes to bind"
		missing  = "UnschedulableAndUnresolvable: node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)"
	)
	tests := []struct {
		name    string
		objects []any
		want    map[string]string
	}{
		{name: "volume of all nodes", objects: []any{claim(t, "data", with(boundTo, "pv")), volumeOf(t, "pv", "")}, want: map[string]string{"a": "", "b": ""}},
		{name: "volume of one zone", objects: []any{claim(t, "data", with(boundTo, "pv")), volumeOf(t, "pv", "b")}, want: map[string]string{"a": conflict, "b": ""}},
		{name: "volume gone", objects: []any{claim(t, "data", with(boundTo, "pv"))}, want: map[string]string{"a": missing, "b": missing}},
		{name: "waits for its first consumer", objects: []any{claim(t, "data", "spec: {storageClassName: later}")}, want: map[string]string{"a": none, "b": none}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			pod := plugintest.Pod(t, "pod", usesData)
			if diff := cmp.Diff(tt.want, environment(t, tt.objects...).Filter(pod)); diff != "" {
				t.Errorf("status (-want +got):\n%s", diff)
			}
		})
	}
}

func TestHints(t *testing.T) {
	e := environment(t)
	other := claim(t, "data", "")
	other.Namespace = "other"
	claimed := volumeOf(t, "pv", "")
	claimed.Spec.ClaimRef = &v1.ObjectReference{Namespace: "default", Name: "x"}
	tests := []struct {
		name, pod string
		resource  framework.EventResource
		obj       any
		want      string
	}{
		{name: "the pod's claim", pod: usesData, resource: framework.PersistentVolumeClaim, obj: claim(t, "data", ""), want: "Queue"},
		{name: "the pod's ephemeral claim", pod: usesOwn, resource: framework.PersistentVolumeClaim, obj: claim(t, "pod-own", ""), want: "Queue"},
		{name: "another claim", pod: usesData, resource: framework.PersistentVolumeClaim, obj: claim(t, "x", ""), want: "QueueSkip"},
		{name: "another namespace's", pod: usesData, resource: framework.PersistentVolumeClaim, obj: other, want: "QueueSkip"},
		{name: "a volume for anybody", pod: usesData, resource: framework.PersistentVolume, obj: volumeOf(t, "pv", ""), want: "Queue"},
		{name: "another claim's volume", pod: usesData, resource: framework.PersistentVolume, obj: claimed, want: "QueueSkip"},
		{name: "a class", pod: usesData, resource: framework.StorageClass, obj: &storagev1.StorageClass{}, want: "Queue"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			pod := plugintest.Pod(t, "pod", tt.pod)
			if diff := cmp.Diff(tt.want, e.Hint(pod, tt.resource, framework.Add, nil, tt.obj)); diff != "" {
				t.Errorf("hint (-want +got):\n%s", diff)
			}
		})
	}
}
