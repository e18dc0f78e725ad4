package component

import (
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
	"k8s.io/component-base/featuregate"
)

// gateList are the feature gates of Kubernetes 1.36 with their stages and defaults, as its API server reports them.
//
//go:embed feature-gates-v1.36.txt
var gateList string

// knownGate is a feature gate of Kubernetes 1.36.
type knownGate struct {
	stage string // ALPHA, BETA, GA or DEPRECATED
	on    bool   // by default
}

// knownGates are the feature gates of gateList by name.
func knownGates() map[string]knownGate {
	gates := map[string]knownGate{}
	for line := range strings.SplitSeq(gateList, "\n") {
		if words := strings.Fields(line); len(words) == 3 && words[0] != "#" {
			gates[words[0]] = knownGate{stage: words[1], on: words[2] == "true"}
		}
	}
	return gates
}

// gateFlag is --feature-gates. The gates that the k8s.io libraries know go to them; the others are noted, for a component
// of ours has each feature as it is by default.
type gateFlag struct {
	libraries featuregate.MutableFeatureGate
	// inner is a library's own flag of the same name, which takes the gates that it knows; nil if there is none.
	inner pflag.Value
	given map[string]bool
}

func newGateFlag(libraries featuregate.MutableFeatureGate) *gateFlag {
	return &gateFlag{libraries: libraries, given: map[string]bool{}}
}

// define adds the flag to a set, in the place of a library's own.
func (g *gateFlag) define(fs *pflag.FlagSet) {
	if flag := fs.Lookup("feature-gates"); flag != nil {
		g.inner, flag.Value, flag.DefValue = flag.Value, g, ""
		return
	}
	fs.Var(g, "feature-gates", "A set of key=value pairs that describe feature gates for alpha/experimental features. A gate that this component cannot switch is accepted with a warning.")
}

func (g *gateFlag) Type() string { return "mapStringBool" }

func (g *gateFlag) String() string {
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(g.given)) {
		pairs = append(pairs, fmt.Sprintf("%s=%t", name, g.given[name]))
	}
	return strings.Join(pairs, ",")
}

// Set reads a list like "A=true,B=false".
func (g *gateFlag) Set(text string) error {
	for pair := range strings.SplitSeq(text, ",") {
		if strings.TrimSpace(pair) == "" {
			continue
		}
		name, value, ok := strings.Cut(pair, "=")
		// Upstream's programs take the name of a component before a gate; there is one.
		name, value = strings.TrimPrefix(strings.TrimSpace(name), "kube:"), strings.TrimSpace(value)
		if !ok {
			return fmt.Errorf("missing bool value for feature gate %s", name)
		}
		on, err := strconv.ParseBool(value)
		if err != nil {
			return fmt.Errorf("invalid value of %s=%s, err: %w", name, value, err)
		}
		g.given[name] = on
		if g.inner != nil && g.ofLibraries(name) {
			if err := g.inner.Set(fmt.Sprintf("%s=%t", name, on)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (g *gateFlag) ofLibraries(name string) bool {
	_, ok := g.libraries.GetAll()[featuregate.Feature(name)]
	return ok
}

// judge switches the gates that the libraries know and says what a user is to be told of the others.
func (g *gateFlag) judge(given map[string]bool) (warnings []string, faults []error) {
	known, absent := knownGates(), absentGates()
	for _, name := range slices.Sorted(maps.Keys(given)) {
		on := given[name]
		switch gate, ok := known[name]; {
		case name == "AllAlpha" || name == "AllBeta":
			if on != (name == "AllBeta") {
				warnings = append(warnings, fmt.Sprintf("feature gate %s=%t: has no effect: features of Proa stay as they are by default", name, on))
			}
		case absent[name] != "":
			if on {
				warnings = append(warnings, fmt.Sprintf("feature gate %s=true: has no effect: %s", name, absent[name]))
			}
		case g.ofLibraries(name):
			if g.inner != nil {
				continue // the library has it
			}
			if err := g.libraries.SetFromMap(map[string]bool{name: on}); err != nil {
				faults = append(faults, err)
			}
		case !ok:
			faults = append(faults, fmt.Errorf("unrecognized feature gate: %s", name))
		case gate.stage == "GA" && on != gate.on:
			faults = append(faults, fmt.Errorf("cannot set feature gate %s to %t, feature is locked to %t", name, on, gate.on))
		case gate.stage == "GA":
			warnings = append(warnings, fmt.Sprintf("Setting GA feature gate %s=%t. It will be removed in a future release.", name, on))
		case on != gate.on:
			warnings = append(warnings, fmt.Sprintf("feature gate %s=%t: has no effect: the feature is always %s here, its default in 1.36", name, on, onOff(gate.on)))
		}
	}
	return warnings, faults
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

// gatesIn are the feature gates of a configuration file, its field featureGates.
func gatesIn(content map[string]any) (map[string]bool, error) {
	gates := map[string]bool{}
	if content["featureGates"] == nil {
		return gates, nil
	}
	list, ok := content["featureGates"].(map[string]any)
	if !ok {
		return nil, fmt.Errorf("featureGates: want names with true or false")
	}
	for name, value := range list {
		on, ok := value.(bool)
		if !ok {
			return nil, fmt.Errorf("featureGates: %s is %v, want true or false", name, value)
		}
		gates[name] = on
	}
	return gates, nil
}
