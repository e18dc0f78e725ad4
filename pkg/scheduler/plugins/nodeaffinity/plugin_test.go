package nodeaffinity

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	configv1 "k8s.io/kube-scheduler/config/v1"
	"k8s.io/kube-scheduler/framework"

	"github.com/proa-sh/proa/pkg/scheduler/plugintest"
)

func affine(t *testing.T, affinity string) *v1.Pod {
	return plugintest.Pod(t, "pod", "spec: {affinity: {nodeAffinity: {"+affinity+"}}}")
}

func nodes(t *testing.T) []*v1.Node {
	return []*v1.Node{
		plugintest.Node(t, "ssd", "metadata: {labels: {disk: ssd, cores: '8'}}"),
		plugintest.Node(t, "hdd", "metadata: {labels: {disk: hdd, cores: '16'}}"),
	}
}

func requiring(terms string) string {
	return "requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [" + terms + "]}"
}

func TestFilter(t *testing.T) {
	const (
		no       = "UnschedulableAndUnresolvable: node(s) didn't match Pod's node affinity/selector"
		enforced = "UnschedulableAndUnresolvable: node(s) didn't match scheduler-enforced node affinity"
	)
	named := func(name string) string {
		return "{matchFields: [{key: metadata.name, operator: In, values: [" + name + "]}]}"
	}
	onlySSD := &configv1.NodeAffinityArgs{AddedAffinity: &v1.NodeAffinity{}}
	plugintest.Fill(t, onlySSD.AddedAffinity, requiring("{matchExpressions: [{key: disk, operator: In, values: [ssd]}]}"))
	tests := []struct {
		name string
		pod  *v1.Pod
		args *configv1.NodeAffinityArgs
		want map[string]string
	}{
		{name: "none", pod: plugintest.Pod(t, "pod", ""), want: map[string]string{"ssd": "", "hdd": ""}},
		{name: "selector", pod: plugintest.Pod(t, "pod", "spec: {nodeSelector: {disk: ssd}}"), want: map[string]string{"ssd": "", "hdd": no}},
		{
			name: "one of two terms", pod: affine(t, requiring("{matchExpressions: [{key: disk, operator: In, values: [tape]}]}, {matchExpressions: [{key: cores, operator: Gt, values: ['10']}]}")),
			want: map[string]string{"ssd": no, "hdd": ""},
		},
		{
			name: "selector and affinity", pod: plugintest.Pod(t, "pod", "spec: {nodeSelector: {disk: ssd}, affinity: {nodeAffinity: {"+requiring("{matchExpressions: [{key: cores, operator: In, values: ['16']}]}")+"}}}"),
			want: map[string]string{"ssd": no, "hdd": no},
		},
		{name: "term that selects nothing", pod: affine(t, requiring("{}")), want: map[string]string{"ssd": no, "hdd": no}},
		{name: "named node", pod: affine(t, requiring(named("hdd"))), want: map[string]string{"ssd": "not looked at", "hdd": ""}},
		{name: "one of named nodes", pod: affine(t, requiring(named("hdd")+","+named("ssd"))), want: map[string]string{"ssd": "", "hdd": ""}},
		{
			name: "two names at once",
			pod:  affine(t, requiring("{matchFields: [{key: metadata.name, operator: In, values: [a]}, {key: metadata.name, operator: In, values: [b]}]}")),
			want: map[string]string{"*": "UnschedulableAndUnresolvable: pod affinity terms conflict"},
		},
		{name: "added", pod: plugintest.Pod(t, "pod", ""), args: onlySSD, want: map[string]string{"ssd": "", "hdd": enforced}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.args == nil {
				tt.args = &configv1.NodeAffinityArgs{}
			}
			e := plugintest.New(t, Name, New, tt.args).Nodes(nodes(t)...)
			if diff := cmp.Diff(tt.want, e.Filter(tt.pod)); diff != "" {
				t.Errorf("status (-want +got):\n%s", diff)
			}
		})
	}
}

func TestScore(t *testing.T) {
	const preferred = "preferredDuringSchedulingIgnoredDuringExecution: [" +
		"{weight: 2, preference: {matchExpressions: [{key: disk, operator: In, values: [ssd]}]}}, " +
		"{weight: 6, preference: {matchExpressions: [{key: cores, operator: Exists}]}}]"
	e := plugintest.New(t, Name, New, nil).Nodes(nodes(t)...).Nodes(plugintest.Node(t, "plain", ""))
	if diff := cmp.Diff(map[string]int64{"ssd": 100, "hdd": 75, "plain": 0}, e.Scores(affine(t, preferred))); diff != "" {
		t.Errorf("scores (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]int64(nil), e.Scores(plugintest.Pod(t, "pod", ""))); diff != "" {
		t.Errorf("scores without preference (-want +got):\n%s", diff)
	}
}

func TestHints(t *testing.T) {
	e := plugintest.New(t, Name, New, nil)
	pod := plugintest.Pod(t, "pod", "spec: {nodeSelector: {disk: ssd}}")
	ssd, hdd := nodes(t)[0], nodes(t)[1]
	moreSSD := ssd.DeepCopy()
	moreSSD.Labels["more"] = "labels"
	tests := []struct {
		name     string
		action   framework.ActionType
		old, new any
		want     string
	}{
		{name: "matching node added", action: framework.Add, new: ssd, want: "Queue"},
		{name: "other node added", action: framework.Add, new: hdd, want: "QueueSkip"},
		{name: "comes to match", action: framework.UpdateNodeLabel, old: hdd, new: ssd, want: "Queue"},
		{name: "matched before", action: framework.UpdateNodeLabel, old: ssd, new: moreSSD, want: "QueueSkip"},
		{name: "ceases to match", action: framework.UpdateNodeLabel, old: ssd, new: hdd, want: "QueueSkip"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, e.Hint(pod, framework.Node, tt.action, tt.old, tt.new)); diff != "" {
				t.Errorf("hint (-want +got):\n%s", diff)
			}
		})
	}
}
