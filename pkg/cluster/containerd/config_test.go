package containerd

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write golden files")

func exampleConfig() Config {
	return Config{
		BinDir: "/opt/proa/bin", Root: "/var/lib/proa/containerd", State: "/run/proa/containerd", LogFile: "/var/lib/proa/log/containerd.log",
		CNIBinDir: "/opt/proa/bin/cni", CNIConfDir: "/var/lib/proa/cni/net.d", CertsDir: "/var/lib/proa/certs.d",
		SandboxImage: "registry.k8s.io/pause:3.10.2", RuntimeHandlers: []string{"test-handler"}, RestrictOOMScoreAdj: true, Mark: "m",
	}
}

func TestRender(t *testing.T) {
	got, err := exampleConfig().render()
	if err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/config.toml"
	if *update {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("differs from %s (write it with -update):\n%s", golden, diff)
	}
}

func TestShimSocketDir(t *testing.T) {
	short := exampleConfig()
	if got := short.ShimSocketDir(); got != "/run/proa/containerd/s" {
		t.Errorf("short: %s", got)
	}
	long, other := short, short
	long.State = "/" + strings.Repeat("a", 60)
	other.State = "/" + strings.Repeat("b", 60)
	if got := long.ShimSocketDir(); len(got) > maxShimSocketDir || got == other.ShimSocketDir() {
		t.Errorf("long: %s, other: %s", got, other.ShimSocketDir())
	}
}

func TestNewTellsWhatIsMissing(t *testing.T) {
	relative := exampleConfig()
	relative.State, relative.Mark = "run", ""
	missing := exampleConfig()
	missing.BinDir = t.TempDir()
	for name, test := range map[string]struct {
		cfg  Config
		want []string
	}{
		"every fault": {relative, []string{`State must be an absolute path, not "run"`, "SandboxImage and Mark must be given"}},
		"no program":  {missing, []string{filepath.Join(missing.BinDir, "containerd"), "make tools"}},
	} {
		_, err := New(test.cfg)
		for _, want := range test.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error %v does not say %q", name, err, want)
			}
		}
	}
}
