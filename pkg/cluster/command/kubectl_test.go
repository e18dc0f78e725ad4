package command

import (
	"strings"
	"testing"
)

// TestKubectlFlags: those that kubectl's main program adds to the command.
func TestKubectlFlags(t *testing.T) {
	t.Setenv("KUBECONFIG", t.TempDir()+"/none")
	for _, args := range [][]string{{"-v", "0"}, {"-v=0"}, {"--v=0"}, {"--vmodule=a=0"}} {
		m := &machine{t: t}
		out, err := m.run(append([]string{"kubectl", "version", "--client"}, args...)...)
		if err != nil || !strings.Contains(out, "Client Version") {
			t.Errorf("%v: %v\n%s", args, err, out)
		}
	}
}
