package options

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"
	kubeletconfig "k8s.io/kubelet/config/v1beta1"
)

// setEvictionDefaults fills the hard thresholds: all when none is given, and the others if they are to be merged.
func setEvictionDefaults(c *kubeletconfig.KubeletConfiguration) {
	merge := c.MergeDefaultEvictionSettings != nil && *c.MergeDefaultEvictionSettings
	if c.EvictionHard != nil && !merge {
		return
	}
	if c.EvictionHard == nil {
		c.EvictionHard = map[string]string{}
	}
	for signal, threshold := range map[string]string{
		"memory.available": "100Mi", "nodefs.available": "10%", "nodefs.inodesFree": "5%",
		"imagefs.available": "15%", "imagefs.inodesFree": "5%",
	} {
		if _, given := c.EvictionHard[signal]; !given {
			c.EvictionHard[signal] = threshold
		}
	}
}

// externalCloud is the taint of a node that a cloud's controllers have not looked at yet; they take it away.
var externalCloud = v1.Taint{Key: "node.cloudprovider.kubernetes.io/uninitialized", Value: "true", Effect: v1.TaintEffectNoSchedule}

// derive works out what follows from several settings, and from the machine. Twice is as good as once.
func (o *Options) derive() {
	c := o.Kubelet
	if c.PodsPerCore > 0 {
		c.MaxPods = min(c.MaxPods, c.PodsPerCore*int32(runtime.NumCPU()))
	}
	if o.CloudProvider == cloudExternal && !slices.Contains(c.RegisterWithTaints, externalCloud) {
		c.RegisterWithTaints = append(c.RegisterWithTaints, externalCloud)
	}
}

// errSwap is upstream's.
var errSwap = errors.New("running with swap on is not supported, please disable swap or set --fail-swap-on flag to false")

// withoutSwap is an error if the machine swaps, by its list of swap areas: a line of names, and a line for each.
func withoutSwap(list string) error {
	text, err := os.ReadFile(list)
	if os.IsNotExist(err) {
		return nil // a kernel without swap
	}
	if err != nil {
		return fmt.Errorf("find out whether the machine swaps: %w", err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	for _, line := range lines[1:] {
		if strings.TrimSpace(line) != "" {
			return errSwap
		}
	}
	return nil
}

// taints is the value of --register-with-taints: key=value:effect, separated by commas.
type taints []v1.Taint

func (t *taints) Type() string { return "strings" }

func (t *taints) String() string {
	var all []string
	for i := range *t {
		all = append(all, (*t)[i].ToString())
	}
	return strings.Join(all, ",")
}

func (t *taints) Set(text string) error {
	var all []v1.Taint
	for part := range strings.SplitSeq(text, ",") {
		if part == "" {
			continue
		}
		name, effect, ok := strings.Cut(part, ":")
		key, value, _ := strings.Cut(name, "=")
		effects := []v1.TaintEffect{v1.TaintEffectNoSchedule, v1.TaintEffectPreferNoSchedule, v1.TaintEffectNoExecute}
		if !ok || key == "" || !slices.Contains(effects, v1.TaintEffect(effect)) {
			return fmt.Errorf("invalid taint spec: %q, want key=value:effect with effect NoSchedule, PreferNoSchedule or NoExecute", part)
		}
		all = append(all, v1.Taint{Key: key, Value: value, Effect: v1.TaintEffect(effect)})
	}
	*t = all
	return nil
}
