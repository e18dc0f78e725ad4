package dynamicresources

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	resourceapi "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/kube-scheduler/framework"

	"github.com/proa-sh/proa/pkg/scheduler/plugintest"
)

const (
	named     = "spec: {resourceClaims: [{name: gpu, resourceClaimName: gpu}]}"
	generated = "spec: {resourceClaims: [{name: gpu, resourceClaimTemplateName: t}]}"
	made      = generated + "\nstatus: {resourceClaimStatuses: [{name: gpu, resourceClaimName: gpu}]}"
	reserved  = "reservedFor: [{resource: pods, name: pod, uid: pod}]"
)

func claim(t *testing.T, yaml string) *resourceapi.ResourceClaim {
	c := &resourceapi.ResourceClaim{}
	plugintest.Fill(t, c, yaml)
	c.Namespace, c.Name, c.UID = "default", "gpu", types.UID("gpu")
	return c
}

func TestFilter(t *testing.T) {
	free := map[string]string{"a": "", "b": ""}
	no := func(reason string) map[string]string {
		return map[string]string{"*": "UnschedulableAndUnresolvable: " + reason}
	}
	const inA = "nodeSelector: {nodeSelectorTerms: [{matchExpressions: [{key: zone, operator: In, values: [a]}]}]}"
	tests := []struct {
		name, pod string
		claim     *resourceapi.ResourceClaim
		want      map[string]string
	}{
		{name: "no claims", want: free},
		{name: "missing", pod: named, want: no(`resourceclaim "gpu" not found`)},
		{name: "not generated yet", pod: generated, want: no(`pod "default/pod": ResourceClaim not created yet`)},
		{name: "needs none", pod: generated + "\nstatus: {resourceClaimStatuses: [{name: gpu}]}", want: free},
		{name: "another pod's", pod: made, claim: claim(t, "status: {allocation: {}, "+reserved+"}"),
			want: no("ResourceClaim default/gpu was not created for Pod default/pod (Pod is not owner)")},
		{name: "not allocated", pod: named, claim: claim(t, ""),
			want: no(`resourceclaim "gpu" is not allocated, and this scheduler does not allocate resource claims yet`)},
		{name: "not reserved", pod: named, claim: claim(t, "status: {allocation: {}}"),
			want: no(`resourceclaim "gpu" is not reserved for the pod, and this scheduler does not reserve resource claims yet`)},
		{name: "on its way out", pod: named, claim: claim(t, "{metadata: {deletionTimestamp: '2026-01-01T00:00:00Z'}, status: {allocation: {}, "+reserved+"}}"),
			want: no(`resourceclaim "gpu" is being deleted`)},
		{name: "reserved", pod: named, claim: claim(t, "status: {allocation: {}, "+reserved+"}"), want: free},
		{name: "reserved on some nodes", pod: named, claim: claim(t, "status: {allocation: {"+inA+"}, "+reserved+"}"),
			want: map[string]string{"a": "", "b": "UnschedulableAndUnresolvable: resourceclaim not available on the node"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := plugintest.New(t, Name, New, nil).Nodes(
				plugintest.Node(t, "a", "metadata: {labels: {zone: a}}"), plugintest.Node(t, "b", "metadata: {labels: {zone: b}}"))
			if tt.claim != nil {
				if err := e.Informers.Resource().V1().ResourceClaims().Informer().GetIndexer().Add(tt.claim); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(tt.want, e.Filter(plugintest.Pod(t, "pod", tt.pod))); diff != "" {
				t.Errorf("status (-want +got):\n%s", diff)
			}
		})
	}
}

func TestHints(t *testing.T) {
	e := plugintest.New(t, Name, New, nil)
	other := claim(t, "")
	other.Name = "x"
	same, stranger := plugintest.Pod(t, "pod", ""), plugintest.Pod(t, "x", "")
	for _, tt := range []struct {
		name, pod string
		resource  framework.EventResource
		action    framework.ActionType
		obj       any
		want      string
	}{
		{name: "the pod's claim", pod: named, resource: framework.ResourceClaim, action: framework.Update, obj: claim(t, ""), want: "Queue"},
		{name: "the pod's generated claim", pod: made, resource: framework.ResourceClaim, action: framework.Add, obj: claim(t, ""), want: "Queue"},
		{name: "another claim", pod: named, resource: framework.ResourceClaim, action: framework.Add, obj: other, want: "QueueSkip"},
		{name: "the pod has its claims", pod: generated, resource: framework.Pod, action: framework.UpdatePodGeneratedResourceClaim, obj: same, want: "Queue"},
		{name: "another pod has", pod: generated, resource: framework.Pod, action: framework.UpdatePodGeneratedResourceClaim, obj: stranger, want: "QueueSkip"},
		{name: "a pod goes", pod: named, resource: framework.Pod, action: framework.Delete, obj: (*v1.Pod)(nil), want: "not registered"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, e.Hint(plugintest.Pod(t, "pod", tt.pod), tt.resource, tt.action, nil, tt.obj)); diff != "" {
				t.Errorf("hint (-want +got):\n%s", diff)
			}
		})
	}
}
