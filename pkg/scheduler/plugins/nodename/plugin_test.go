package nodename

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/proa-sh/proa/pkg/scheduler/plugintest"
)

func TestFilter(t *testing.T) {
	const no = "UnschedulableAndUnresolvable: node(s) didn't match the requested node name"
	e := plugintest.New(t, Name, New, nil).Nodes(plugintest.Node(t, "a", ""), plugintest.Node(t, "b", ""))
	for spec, want := range map[string]map[string]string{
		"":                    {"a": "", "b": ""},
		"spec: {nodeName: a}": {"a": "", "b": no},
		"spec: {nodeName: c}": {"a": no, "b": no},
	} {
		if diff := cmp.Diff(want, e.Filter(plugintest.Pod(t, "pod", spec))); diff != "" {
			t.Errorf("%q: status (-want +got):\n%s", spec, diff)
		}
	}
}
