package imagelocality

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/proa-sh/proa/pkg/scheduler/plugintest"
)

func TestScore(t *testing.T) {
	// The sizes are 250 MiB and 500 MiB.
	const (
		small = "{names: ['a:latest'], sizeBytes: 262144000}"
		large = "{names: ['b:v1', 'registry/b:v1'], sizeBytes: 524288000}"
	)
	e := plugintest.New(t, Name, New, nil).Nodes(
		plugintest.Node(t, "both", "status: {images: ["+small+","+large+"]}"),
		plugintest.Node(t, "large", "status: {images: ["+large+"]}"),
		plugintest.Node(t, "none", ""),
		plugintest.Node(t, "none2", ""),
	)
	tests := []struct {
		name, containers string
		want             map[string]int64
	}{
		// Two of four nodes have the image: 250 of 23 to 1000 MiB.
		{name: "one image", containers: "{image: 'b:v1'}", want: map[string]int64{"both": 23, "large": 23, "none": 0, "none2": 0}},
		{name: "name without tag", containers: "{image: a}", want: map[string]int64{"both": 4, "large": 0, "none": 0, "none2": 0}},
		{name: "two containers", containers: "{image: a}, {image: 'registry/b:v1'}", want: map[string]int64{"both": 14, "large": 11, "none": 0, "none2": 0}},
		{name: "nobody has it", containers: "{image: c}"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, e.Scores(plugintest.Pod(t, "pod", "spec: {containers: ["+tt.containers+"]}"))); diff != "" {
				t.Errorf("scores (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNormalName(t *testing.T) {
	for name, want := range map[string]string{
		"a":                     "a:latest",
		"a:v1":                  "a:v1",
		"host:5000/a":           "host:5000/a:latest",
		"host:5000/a:v1":        "host:5000/a:v1",
		"a@sha256:0123":         "a@sha256:0123",
		"host:5000/a@sha256:01": "host:5000/a@sha256:01",
	} {
		if diff := cmp.Diff(want, normalName(name)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
