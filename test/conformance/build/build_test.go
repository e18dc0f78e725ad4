package build

import (
	"strings"
	"testing"
)

func TestStamp(t *testing.T) {
	got := Module{Version: "v1.36.3"}.ldflags(program{stamps: []string{"main.Version=2"}})
	for _, want := range []string{"version.gitVersion=v1.36.3 ", "version.gitMajor=1 ", "version.gitMinor=36 ", "-X main.Version=2"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in %q", want, got)
		}
	}
}

func TestUnknownComponent(t *testing.T) {
	err := Module{}.Build(t.Context(), t.TempDir(), []string{"kube-dns"}, func(line string) { t.Errorf("something was built: %s", line) })
	if err == nil || !strings.Contains(err.Error(), "kube-scheduler") {
		t.Errorf("error %v does not say what there is", err)
	}
}
