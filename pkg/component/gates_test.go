package component

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	_ "k8s.io/apiextensions-apiserver/pkg/features" // adds its gates
	apiserver "k8s.io/apiserver/pkg/features"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/component-base/featuregate"
)

// TestGatesAreHeld: of each feature gate that is on by default it is said, in testdata/gates.txt, which test shows what it
// does, or who else has it, or that it is absent, which users are told.
func TestGatesAreHeld(t *testing.T) {
	held := gatesHeld(t)
	for name, gate := range knownGates() {
		if gate.on != (held[name] != nil) {
			t.Errorf("gate %s is on: %t; testdata/gates.txt says of it: %q", name, gate.on, held[name])
		}
	}
	absent := absentGates()
	for name, how := range held {
		if (how[0] == "absent") != (absent[name] != "") {
			t.Errorf("gate %s is %q in testdata/gates.txt, and missing for the reason %q in gates_absent.go", name, how[0], absent[name])
		}
		for _, h := range how {
			if err := holds(name, h); err != nil {
				t.Error(err)
			}
		}
	}
}

// gatesHeld reads testdata/gates.txt.
func gatesHeld(t *testing.T) map[string][]string {
	t.Helper()
	f, err := os.Open("testdata/gates.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	held := map[string][]string{}
	for s := bufio.NewScanner(f); s.Scan(); {
		name, how, ok := strings.Cut(s.Text(), ": ")
		if ok && !strings.HasPrefix(name, "#") {
			held[name] = strings.Split(how, ", ")
		}
	}
	return held
}

// holds says what is wrong with how a gate is said to be held.
func holds(gate, how string) error {
	word, rest, _ := strings.Cut(how, " ")
	switch word {
	case "library":
		if !ofLibraries(gate) {
			return fmt.Errorf("gate %s is of no library", gate)
		}
		return nil
	case "kubelet", "windows", "absent":
		return nil
	case "unseen":
		if rest == "" {
			return fmt.Errorf("gate %s makes no difference: say why", gate)
		}
		return nil
	}
	files, err := filepath.Glob(filepath.Join("..", "..", word, "*_test.go"))
	if err != nil {
		return err
	}
	found := slices.ContainsFunc(files, func(name string) bool {
		text, err := os.ReadFile(name)
		return err == nil && regexp.MustCompile(`(?m)^func `+regexp.QuoteMeta(rest)+`\(`).Match(text)
	})
	if !found {
		return fmt.Errorf("gate %s is said to be held by %s in %s, which is not there", gate, rest, word)
	}
	return nil
}

// ofLibraries reports whether a k8s.io library has a gate.
func ofLibraries(name string) bool {
	_, ok := utilfeature.DefaultMutableFeatureGate.GetAll()[featuregate.Feature(name)]
	return ok || slices.Contains(clientGates, name)
}

// clientGates are those of client-go and of what component-base's logs have, which are in gates of their own.
var clientGates = []string{"AtomicFIFO", "ClientsAllowCARotation", "ClientsAllowTLSCacheGC", "ContextualLogging", "InOrderInformers", "InOrderInformersBatchProcess",
	"InformerResourceVersion", "LoggingBetaOptions", "UnlockWhileProcessingFIFO", "WatchListClient"}

var _ = apiserver.APIServerIdentity // the gates of k8s.io/apiserver

// TestAbsentGates: whoever switches a feature on that is not there is told.
func TestAbsentGates(t *testing.T) {
	warnings, faults := newGateFlag(utilfeature.DefaultMutableFeatureGate).judge(map[string]bool{"NodeDeclaredFeatures": true, "SchedulerAsyncPreemption": false, "SidecarContainers": true})
	want := []string{
		"feature gate NodeDeclaredFeatures=true: has no effect: nodes declare no features, and nobody looks at them",
		"Setting GA feature gate SidecarContainers=true. It will be removed in a future release.",
	}
	if diff := cmp.Diff(want, warnings); diff != "" || len(faults) > 0 {
		t.Errorf("warnings (-want +got):\n%s\nfaults: %v", diff, faults)
	}
}
