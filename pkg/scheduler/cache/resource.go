package cache

import (
	"maps"
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/kube-scheduler/framework"
)

// Resource is an amount of every compute resource. CPU is in thousandths of a core, memory and ephemeral storage in
// bytes, all others in their own unit.
type Resource struct {
	MilliCPU         int64
	Memory           int64
	EphemeralStorage int64
	AllowedPodNumber int
	// ScalarResources holds extended resources, huge pages and the like; nil when there are none.
	ScalarResources map[v1.ResourceName]int64
}

var _ framework.Resource = &Resource{}

// NewResource is the amount that a resource list names.
func NewResource(list v1.ResourceList) Resource {
	var r Resource
	for name, quantity := range list {
		switch name {
		case v1.ResourceCPU:
			r.MilliCPU = quantity.MilliValue()
		case v1.ResourceMemory:
			r.Memory = quantity.Value()
		case v1.ResourcePods:
			r.AllowedPodNumber = int(quantity.Value())
		case v1.ResourceEphemeralStorage:
			r.EphemeralStorage = quantity.Value()
		default:
			if IsScalar(name) {
				r.setScalar(name, quantity.Value())
			}
		}
	}
	return r
}

// IsScalar tells whether a resource is counted by name: extended resources (example.com/gpu), prefixed native ones,
// huge pages and attachable volumes.
func IsScalar(name v1.ResourceName) bool {
	return strings.Contains(string(name), "/") ||
		strings.HasPrefix(string(name), v1.ResourceHugePagesPrefix) ||
		strings.HasPrefix(string(name), v1.ResourceAttachableVolumesPrefix)
}

// GetMilliCPU is the CPU in thousandths of a core.
func (r *Resource) GetMilliCPU() int64 { return r.MilliCPU }

// GetMemory is the memory in bytes.
func (r *Resource) GetMemory() int64 { return r.Memory }

// GetEphemeralStorage is the ephemeral storage in bytes.
func (r *Resource) GetEphemeralStorage() int64 { return r.EphemeralStorage }

// GetAllowedPodNumber is the number of pods that a node takes.
func (r *Resource) GetAllowedPodNumber() int { return r.AllowedPodNumber }

// GetScalarResources is the amount of every resource counted by name. Read-only.
func (r *Resource) GetScalarResources() map[v1.ResourceName]int64 { return r.ScalarResources }

// SetMaxResource raises every amount to the one in the list, when that is larger.
func (r *Resource) SetMaxResource(list v1.ResourceList) {
	other := NewResource(list)
	r.MilliCPU = max(r.MilliCPU, other.MilliCPU)
	r.Memory = max(r.Memory, other.Memory)
	r.EphemeralStorage = max(r.EphemeralStorage, other.EphemeralStorage)
	r.AllowedPodNumber = max(r.AllowedPodNumber, other.AllowedPodNumber)
	for name, amount := range other.ScalarResources {
		r.setScalar(name, max(amount, r.ScalarResources[name]))
	}
}

// Clone is a copy that shares nothing with the receiver.
func (r *Resource) Clone() *Resource {
	c := *r
	c.ScalarResources = maps.Clone(r.ScalarResources)
	return &c
}

func (r *Resource) setScalar(name v1.ResourceName, amount int64) {
	if r.ScalarResources == nil {
		r.ScalarResources = map[v1.ResourceName]int64{}
	}
	r.ScalarResources[name] = amount
}

// add adds an amount sign times (1 or -1). The scalar map is replaced, not written: older versions of a NodeInfo
// share it.
func (r *Resource) add(other framework.Resource, sign int64) {
	r.MilliCPU += sign * other.GetMilliCPU()
	r.Memory += sign * other.GetMemory()
	r.EphemeralStorage += sign * other.GetEphemeralStorage()
	scalars := other.GetScalarResources()
	if len(scalars) == 0 {
		return
	}
	sum := maps.Clone(r.ScalarResources)
	if sum == nil {
		sum = make(map[v1.ResourceName]int64, len(scalars))
	}
	for name, amount := range scalars {
		sum[name] += sign * amount
	}
	r.ScalarResources = sum
}
