package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	configv1 "k8s.io/kube-scheduler/config/v1"
	"k8s.io/utils/ptr"
)

const header = "apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n"

func TestDefault(t *testing.T) {
	data, err := Marshal(New())
	if err != nil {
		t.Fatal(err)
	}
	want := header + `clientConnection:
  acceptContentTypes: ""
  burst: 100
  contentType: application/vnd.kubernetes.protobuf
  kubeconfig: ""
  qps: 50
enableContentionProfiling: true
enableProfiling: true
leaderElection:
  leaderElect: true
  leaseDuration: 15s
  renewDeadline: 10s
  resourceLock: leases
  resourceName: kube-scheduler
  resourceNamespace: kube-system
  retryPeriod: 2s
parallelism: 16
percentageOfNodesToScore: 0
podInitialBackoffSeconds: 1
podMaxBackoffSeconds: 10
profiles:
- schedulerName: default-scheduler
`
	if diff := cmp.Diff(body(want), body(string(data))); diff != "" {
		t.Errorf("defaults (-want +got):\n%s", diff)
	}
	if faults := Validate(New()); len(faults) > 0 {
		t.Errorf("defaults have faults: %v", faults)
	}
}

// body is the lines without the two of the header, which the encoder sorts among the others.
func body(text string) []string {
	lines := []string{}
	for _, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(line, "apiVersion:") || strings.HasPrefix(line, "kind:") {
			continue
		}
		lines = append(lines, line)
	}
	return lines
}

func TestLoad(t *testing.T) {
	tests := []struct {
		name, text string
		// want is part of the error, or of the faults.
		want string
	}{
		{name: "empty", text: ""},
		{name: "arguments", text: "profiles: [{schedulerName: s, pluginConfig: [{name: NodeResourcesFit, args: {scoringStrategy: {type: MostAllocated}}}]}]"},
		{name: "unknown field", text: "profils: []", want: `unknown field "profils"`},
		{name: "unknown field in arguments", text: "profiles: [{pluginConfig: [{name: NodeResourcesFit, args: {strategy: x}}]}]", want: `unknown field "strategy"`},
		{name: "parallelism", text: "parallelism: 0", want: "parallelism: Invalid value: 0: must be greater than 0"},
		{name: "backoff", text: "podInitialBackoffSeconds: 5\npodMaxBackoffSeconds: 4", want: "podMaxBackoffSeconds: Invalid value: 4: must be at least"},
		{name: "percentage", text: "percentageOfNodesToScore: 101", want: "percentageOfNodesToScore: Invalid value: 101"},
		{name: "extenders", text: "extenders: [{urlPrefix: 'http://x'}]", want: "extenders: Forbidden"},
		{name: "no name for one of two", text: "profiles: [{schedulerName: a}, {}]", want: "profiles[1].schedulerName: Required value"},
		{name: "same name twice", text: "profiles: [{schedulerName: a}, {schedulerName: a}]", want: `profiles[1].schedulerName: Duplicate value: "a"`},
		{
			name: "different order of queues", text: "profiles: [{schedulerName: a}, {schedulerName: b, plugins: {queueSort: {enabled: [{name: x}]}}}]",
			want: "profiles[1].plugins.queueSort: Invalid value",
		},
		{name: "strategy", text: "profiles: [{pluginConfig: [{name: NodeResourcesFit, args: {scoringStrategy: {type: Best}}}]}]", want: `scoringStrategy.type: Unsupported value: "Best"`},
		{name: "no shape", text: "profiles: [{pluginConfig: [{name: NodeResourcesFit, args: {scoringStrategy: {type: RequestedToCapacityRatio}}}]}]", want: "requestedToCapacityRatio: Required value"},
		{
			name: "shape", want: "shape[1].utilization: Invalid value: 10: utilization values must be sorted",
			text: "profiles: [{pluginConfig: [{name: NodeResourcesFit, args: {scoringStrategy: {type: RequestedToCapacityRatio, requestedToCapacityRatio: {shape: [{utilization: 20, score: 1}, {utilization: 10, score: 1}]}}}}]}]",
		},
		{name: "weight", text: "profiles: [{pluginConfig: [{name: NodeResourcesBalancedAllocation, args: {resources: [{name: cpu, weight: 2}]}}]}]", want: "resources[0].weight: Invalid value: 2"},
		{name: "preemption", text: "profiles: [{pluginConfig: [{name: DefaultPreemption, args: {minCandidateNodesPercentage: 200}}]}]", want: "minCandidateNodesPercentage: Invalid value: 200"},
		{
			name: "spread", text: "profiles: [{pluginConfig: [{name: PodTopologySpread, args: {defaultConstraints: [{maxSkew: 1, topologyKey: k, whenUnsatisfiable: ScheduleAnyway}]}}]}]",
			want: "when .defaultConstraints are not empty, must be List",
		},
		{
			name: "spread selector", want: "labelSelector: Forbidden",
			text: "profiles: [{pluginConfig: [{name: PodTopologySpread, args: {defaultingType: List, defaultConstraints: [{maxSkew: 1, topologyKey: k, whenUnsatisfiable: ScheduleAnyway, labelSelector: {}}]}}]}]",
		},
		{
			name: "affinity", want: "operator",
			text: "profiles: [{pluginConfig: [{name: NodeAffinity, args: {addedAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: a, operator: Like}]}]}}}}]}]",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := ""
			if cfg, err := Load([]byte(header + tt.text)); err != nil {
				got = err.Error()
			} else if faults := Validate(cfg); len(faults) > 0 {
				got = faults.ToAggregate().Error()
			}
			if (tt.want == "") != (got == "") || !strings.Contains(got, tt.want) {
				t.Errorf("error is %q, want one with %q", got, tt.want)
			}
		})
	}
}

func TestLoadFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(header+"parallelism: 3"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := LoadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(int32(3), *cfg.Parallelism); diff != "" {
		t.Errorf("parallelism (-want +got):\n%s", diff)
	}
	if _, err := LoadFile(path + ".absent"); err == nil {
		t.Error("an absent file was loaded")
	}
}

func TestArgs(t *testing.T) {
	cfg, err := Load([]byte(header + "profiles: [{pluginConfig: [{name: NodeResourcesFit, args: {scoringStrategy: {type: MostAllocated, resources: [{name: cpu}]}}}]}]"))
	if err != nil {
		t.Fatal(err)
	}
	args, err := Args(&cfg.Profiles[0], "NodeResourcesFit")
	if err != nil {
		t.Fatal(err)
	}
	want := &configv1.ScoringStrategy{Type: configv1.MostAllocated, Resources: []configv1.ResourceSpec{{Name: "cpu", Weight: 1}}}
	if diff := cmp.Diff(want, args.(*configv1.NodeResourcesFitArgs).ScoringStrategy); diff != "" {
		t.Errorf("given (-want +got):\n%s", diff)
	}
	args, err = Args(&cfg.Profiles[0], "DefaultPreemption")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(ptr.To(int32(100)), args.(*configv1.DefaultPreemptionArgs).MinCandidateNodesAbsolute); diff != "" {
		t.Errorf("default (-want +got):\n%s", diff)
	}
	if args, err := Args(&cfg.Profiles[0], "NodeName"); err != nil || args != nil {
		t.Errorf("arguments of a plugin without any are %v, %v", args, err)
	}
}

func TestSettings(t *testing.T) {
	defaults := []Setting{{Name: "a", Weight: 1}, {Name: "b", Weight: 2}, {Name: "c", Weight: 3}}
	of := func(names ...string) (plugins []configv1.Plugin) {
		for _, name := range names {
			p := configv1.Plugin{}
			name, weight, weighted := strings.Cut(name, "=")
			if p.Name = name; weighted {
				p.Weight = ptr.To(int32(weight[0] - '0'))
			}
			plugins = append(plugins, p)
		}
		return plugins
	}
	tests := []struct {
		name    string
		plugins *configv1.Plugins
		want    []Setting
	}{
		{name: "defaults", want: defaults},
		{name: "one more", plugins: &configv1.Plugins{MultiPoint: configv1.PluginSet{Enabled: of("d")}}, want: []Setting{{"a", 1}, {"b", 2}, {"c", 3}, {"d", 0}}},
		{name: "another weight in place", plugins: &configv1.Plugins{MultiPoint: configv1.PluginSet{Enabled: of("b=7")}}, want: []Setting{{"a", 1}, {"b", 7}, {"c", 3}}},
		{name: "one less", plugins: &configv1.Plugins{MultiPoint: configv1.PluginSet{Disabled: of("b")}}, want: []Setting{{"a", 1}, {"c", 3}}},
		{name: "all but one", plugins: &configv1.Plugins{MultiPoint: configv1.PluginSet{Enabled: of("c"), Disabled: of("*")}}, want: []Setting{{"c", 3}}},
		{name: "one less at the point", plugins: &configv1.Plugins{Score: configv1.PluginSet{Disabled: of("b")}}, want: []Setting{{"a", 1}, {"c", 3}}},
		{name: "only one at the point", plugins: &configv1.Plugins{Score: configv1.PluginSet{Enabled: of("d=4"), Disabled: of("*")}}, want: []Setting{{"d", 4}}},
		{name: "first at the point", plugins: &configv1.Plugins{Score: configv1.PluginSet{Enabled: of("c=9", "d")}}, want: []Setting{{"c", 9}, {"a", 1}, {"b", 2}, {"d", 0}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := NewSettings(defaults, tt.plugins).At(Score, func(string) bool { return true })
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("settings (-want +got):\n%s", diff)
			}
		})
	}
	at := NewSettings(defaults, nil).At(Filter, func(name string) bool { return name == "b" })
	if diff := cmp.Diff([]Setting{{"b", 2}}, at); diff != "" {
		t.Errorf("those that extend the point (-want +got):\n%s", diff)
	}
}
