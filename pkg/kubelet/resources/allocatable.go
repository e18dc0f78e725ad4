package resources

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// Reserved is what pods may not use of the node.
type Reserved struct {
	// Kube and System are kept for the kubelet and runtime, and for the rest of the system.
	Kube, System v1.ResourceList
	// Eviction holds the hard eviction thresholds by signal.
	Eviction map[string]Threshold
}

// Threshold is an amount or a part of the capacity.
type Threshold struct {
	Quantity resource.Quantity
	// Part is between 0 and 1; when set, Quantity is not.
	Part float64
}

// Of gives the amount that the threshold means.
func (t Threshold) Of(capacity resource.Quantity) resource.Quantity {
	if t.Part == 0 {
		return t.Quantity
	}
	return *resource.NewQuantity(int64(math.Floor(float64(capacity.Value())*t.Part)), capacity.Format)
}

// ParseThreshold reads "100Mi" or "10%".
func ParseThreshold(text string) (Threshold, error) {
	if percent, ok := strings.CutSuffix(text, "%"); ok {
		value, err := strconv.ParseFloat(percent, 64)
		if err != nil || value < 0 || value > 100 {
			return Threshold{}, fmt.Errorf("threshold %q: must be between 0%% and 100%%", text)
		}
		return Threshold{Part: value / 100}, nil
	}
	quantity, err := resource.ParseQuantity(text)
	if err != nil {
		return Threshold{}, fmt.Errorf("threshold %q: %w", text, err)
	}
	if quantity.Sign() < 0 {
		return Threshold{}, fmt.Errorf("threshold %q: must not be negative", text)
	}
	return Threshold{Quantity: quantity}, nil
}

// ParseThresholds reads the evictionHard of a KubeletConfiguration.
func ParseThresholds(config map[string]string) (map[string]Threshold, error) {
	result := make(map[string]Threshold, len(config))
	for signal, text := range config {
		switch signal {
		case "memory.available", "nodefs.available", "nodefs.inodesFree", "imagefs.available", "imagefs.inodesFree", "pid.available",
			"allocatableMemory.available", "containerfs.available", "containerfs.inodesFree":
		default:
			return nil, fmt.Errorf("unknown eviction signal %q", signal)
		}
		threshold, err := ParseThreshold(text)
		if err != nil {
			return nil, fmt.Errorf("eviction signal %s: %w", signal, err)
		}
		result[signal] = threshold
	}
	return result, nil
}

// DefaultEviction are the hard eviction thresholds of a kubelet whose configuration sets none.
func DefaultEviction() map[string]string {
	return map[string]string{
		"memory.available": "100Mi", "nodefs.available": "10%", "nodefs.inodesFree": "5%",
		"imagefs.available": "15%", "imagefs.inodesFree": "5%",
	}
}

// evictionSignals says which signal keeps which resource back.
func evictionSignals() map[v1.ResourceName]string {
	return map[v1.ResourceName]string{v1.ResourceMemory: "memory.available", v1.ResourceEphemeralStorage: "nodefs.available"}
}

// Allocatable is what pods may request on the node: the capacity without reservations and without what hard eviction
// keeps free; memory also without the huge pages set aside. It is never negative.
func Allocatable(capacity v1.ResourceList, reserved Reserved) v1.ResourceList {
	result := afterReservations(capacity, reserved)
	for name, signal := range evictionSignals() {
		quantity, ok := result[name]
		if threshold, set := reserved.Eviction[signal]; ok && set {
			quantity.Sub(threshold.Of(capacity[name]))
			result[name] = atLeastZero(quantity)
		}
	}
	for name, pages := range capacity {
		if memory, ok := result[v1.ResourceMemory]; ok && strings.HasPrefix(string(name), v1.ResourceHugePagesPrefix) {
			memory.Sub(pages)
			result[v1.ResourceMemory] = atLeastZero(memory)
		}
	}
	return result
}

func afterReservations(capacity v1.ResourceList, reserved Reserved) v1.ResourceList {
	result := make(v1.ResourceList, len(capacity))
	for name, quantity := range capacity {
		left := quantity.DeepCopy()
		for _, list := range []v1.ResourceList{reserved.Kube, reserved.System} {
			if amount, ok := list[name]; ok {
				left.Sub(amount)
			}
		}
		result[name] = atLeastZero(left)
	}
	return result
}

func atLeastZero(q resource.Quantity) resource.Quantity {
	if q.Sign() < 0 {
		return *resource.NewQuantity(0, q.Format)
	}
	return q
}

// NodeLimits are the limits of kubepods: what is left after reservations. What hard eviction keeps free is not taken off,
// so that eviction comes before the kernel kills.
func NodeLimits(capacity v1.ResourceList, reserved Reserved) Limits {
	left := afterReservations(capacity, reserved)
	limits := Limits{CPUShares: Shares(left.Cpu().MilliValue())}
	if memory := left.Memory().Value(); memory > 0 {
		limits.Memory = memory
	}
	return limits
}
