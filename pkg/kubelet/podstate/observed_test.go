package podstate

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestObserved(t *testing.T) {
	o := Observed{
		Sandboxes: []Sandbox{{ID: "s1", Attempt: 1}, {ID: "s0", Ready: true}},
		Containers: []Container{
			{ID: "a1", Name: "a", Attempt: 1, Phase: Running},
			{ID: "b0", Name: "b", Phase: Unknown},
			{ID: "a0", Name: "a", Phase: Exited},
		},
	}
	id := func(c *Container) string {
		if c == nil {
			return ""
		}
		return c.ID
	}
	got := map[string]string{
		"latest a":   id(o.Latest("a")),
		"previous a": id(o.Previous("a")),
		"latest b":   id(o.Latest("b")),
		"previous b": id(o.Previous("b")),
		"latest c":   id(o.Latest("c")),
		"by id":      id(o.Instance("a0")),
	}
	want := map[string]string{
		"latest a": "a1", "previous a": "a0", "latest b": "b0", "previous b": "", "latest c": "", "by id": "a0",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("containers (-want +got):\n%s", diff)
	}
	if o.ReadySandbox() != nil {
		t.Error("an older ready sandbox must not count: the newest decides")
	}
	var live []string
	for _, c := range o.Live() {
		live = append(live, c.ID)
	}
	if diff := cmp.Diff([]string{"a1", "b0"}, live); diff != "" {
		t.Errorf("live (-want +got):\n%s", diff)
	}
	if o.Empty() || !(&Observed{}).Empty() {
		t.Error("Empty is wrong")
	}
}
