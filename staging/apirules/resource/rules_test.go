package resource

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/google/go-cmp/cmp"

	"github.com/proa-sh/proa/staging/apirules/internal/rulestest"
)

func validClaim() *resourcev1.ResourceClaim {
	c := &resourcev1.ResourceClaim{
		ObjectMeta: metav1.ObjectMeta{Name: "c", Namespace: "n", ResourceVersion: "1"},
		Spec: resourcev1.ResourceClaimSpec{Devices: resourcev1.DeviceClaim{
			Requests: []resourcev1.DeviceRequest{
				{Name: "gpu", Exactly: &resourcev1.ExactDeviceRequest{DeviceClassName: "gpu", Tolerations: []resourcev1.DeviceToleration{{Key: "k"}},
					Selectors: []resourcev1.DeviceSelector{{CEL: &resourcev1.CELDeviceSelector{Expression: "true"}}}}},
				{Name: "nic", FirstAvailable: []resourcev1.DeviceSubRequest{{Name: "fast", DeviceClassName: "fast"}, {Name: "slow", DeviceClassName: "slow"}}},
			},
			Constraints: []resourcev1.DeviceConstraint{{Requests: []string{"gpu", "nic/fast"}, MatchAttribute: new(resourcev1.FullyQualifiedName("example.org/numa"))}},
			Config: []resourcev1.DeviceClaimConfiguration{{DeviceConfiguration: resourcev1.DeviceConfiguration{
				Opaque: &resourcev1.OpaqueDeviceConfiguration{Driver: "d.example.org", Parameters: runtime.RawExtension{Raw: []byte(`{"a":1}`)}}}}},
		}},
	}
	SetResourceClaimDefaults(c)
	return c
}

func TestClaimDefaults(t *testing.T) {
	c := validClaim()
	got := c.Spec.Devices.Requests[0].Exactly
	if got.AllocationMode != resourcev1.DeviceAllocationModeExactCount || got.Count != 1 || got.Tolerations[0].Operator != resourcev1.DeviceTolerationOpEqual {
		t.Errorf("defaults: %+v", got)
	}
	if sub := c.Spec.Devices.Requests[1].FirstAvailable[1]; sub.AllocationMode != resourcev1.DeviceAllocationModeExactCount || sub.Count != 1 {
		t.Errorf("defaults of an alternative: %+v", sub)
	}
	template := &resourcev1.ResourceClaimTemplate{Spec: resourcev1.ResourceClaimTemplateSpec{Spec: *c.Spec.DeepCopy()}}
	template.Spec.Spec.Devices.Requests[0].Exactly.Count = 0
	SetResourceClaimTemplateDefaults(template)
	if diff := cmp.Diff(c.Spec, template.Spec.Spec); diff != "" {
		t.Errorf("template (-want +got):\n%s", diff)
	}
}

func TestClaim(t *testing.T) {
	type claim = resourcev1.ResourceClaim
	exactly := func(c *claim) *resourcev1.ExactDeviceRequest { return c.Spec.Devices.Requests[0].Exactly }
	const requests = "spec.devices.requests"
	rulestest.Cases(t, validClaim, ValidateResourceClaim, []rulestest.Case[claim]{
		{Name: "no name", Change: func(c *claim) { c.Name = "" }, Want: []string{rulestest.Required("metadata.name")}},
		{Name: "request without a name", Change: func(c *claim) {
			c.Spec.Devices.Requests = append(c.Spec.Devices.Requests, resourcev1.DeviceRequest{Exactly: exactly(c)})
		},
			Want: []string{rulestest.Required(requests + "[2].name")}},
		{Name: "same name", Change: func(c *claim) { c.Spec.Devices.Requests[1].Name = "gpu"; c.Spec.Devices.Constraints = nil }, Want: []string{rulestest.Duplicate(requests + "[1].name")}},
		{Name: "nothing requested", Change: func(c *claim) { c.Spec.Devices.Requests[0].Exactly = nil }, Want: []string{rulestest.Required(requests + "[0]")}},
		{Name: "both requested", Change: func(c *claim) { c.Spec.Devices.Requests[1].Exactly = exactly(c) }, Want: []string{rulestest.Invalid(requests + "[1]")}},
		{Name: "no class", Change: func(c *claim) { exactly(c).DeviceClassName = "" }, Want: []string{rulestest.Required(requests + "[0].exactly.deviceClassName")}},
		{Name: "unknown mode", Change: func(c *claim) { exactly(c).AllocationMode = "Some" }, Want: []string{rulestest.NotSupported(requests + "[0].exactly.allocationMode")}},
		{Name: "count of all", Change: func(c *claim) { exactly(c).AllocationMode = resourcev1.DeviceAllocationModeAll }, Want: []string{rulestest.Invalid(requests + "[0].exactly.count")}},
		{Name: "negative count", Change: func(c *claim) { exactly(c).Count = -1 }, Want: []string{rulestest.Invalid(requests + "[0].exactly.count")}},
		{Name: "empty selector", Change: func(c *claim) { exactly(c).Selectors[0].CEL = nil }, Want: []string{rulestest.Required(requests + "[0].exactly.selectors[0].cel")}},
		{Name: "long expression", Change: func(c *claim) { exactly(c).Selectors[0].CEL.Expression = strings.Repeat("a", 10241) },
			Want: []string{rulestest.TooLong(requests + "[0].exactly.selectors[0].cel.expression")}},
		{Name: "value of an existing key", Change: func(c *claim) {
			exactly(c).Tolerations[0] = resourcev1.DeviceToleration{Operator: resourcev1.DeviceTolerationOpExists, Value: "v"}
		}, Want: []string{rulestest.Invalid(requests + "[0].exactly.tolerations[0].value")}},
		{Name: "toleration of every key", Change: func(c *claim) { exactly(c).Tolerations[0].Key = "" }, Want: []string{rulestest.Required(requests + "[0].exactly.tolerations[0].key")}},
		{Name: "too many tolerations", Change: func(c *claim) {
			exactly(c).Tolerations = make([]resourcev1.DeviceToleration, 17)
			for i := range exactly(c).Tolerations {
				exactly(c).Tolerations[i].Operator = resourcev1.DeviceTolerationOpExists
			}
		}, Want: []string{rulestest.TooMany(requests + "[0].exactly.tolerations")}},
		{Name: "constraint on nothing", Change: func(c *claim) { c.Spec.Devices.Constraints[0].Requests = []string{"other"} }, Want: []string{rulestest.Invalid("spec.devices.constraints[0].requests[0]")}},
		{Name: "constraint without a domain", Change: func(c *claim) {
			c.Spec.Devices.Constraints[0].MatchAttribute = new(resourcev1.FullyQualifiedName("numa"))
		}, Want: []string{rulestest.Invalid("spec.devices.constraints[0].matchAttribute")}},
		{Name: "empty constraint", Change: func(c *claim) { c.Spec.Devices.Constraints[0].MatchAttribute = nil }, Want: []string{rulestest.Required("spec.devices.constraints[0]")}},
		{Name: "configuration of nothing", Change: func(c *claim) { c.Spec.Devices.Config[0].Opaque = nil }, Want: []string{rulestest.Required("spec.devices.config[0].opaque")}},
		{Name: "configuration is no object", Change: func(c *claim) { c.Spec.Devices.Config[0].Opaque.Parameters.Raw = []byte("1") },
			Want: []string{rulestest.Invalid("spec.devices.config[0].opaque.parameters")}},
		{Name: "configuration is no JSON", Change: func(c *claim) { c.Spec.Devices.Config[0].Opaque.Parameters.Raw = []byte("{") },
			Want: []string{rulestest.Invalid("spec.devices.config[0].opaque.parameters")}},
	})
	rulestest.UpdateCases(t, validClaim, ValidateResourceClaimUpdate, []rulestest.Case[claim]{
		{Name: "spec", Change: func(c *claim) { exactly(c).Count = 2 }, Want: []string{rulestest.Invalid("spec")}},
	})
}

func TestClaimStatus(t *testing.T) {
	type claim = resourcev1.ResourceClaim
	allocatedClaim := func() *claim {
		c := validClaim()
		c.Status.Allocation = &resourcev1.AllocationResult{Devices: resourcev1.DeviceAllocationResult{
			Results: []resourcev1.DeviceRequestAllocationResult{{Request: "nic/slow", Driver: "d.example.org", Pool: "node1/pool", Device: "eth0"}}}}
		c.Status.ReservedFor = []resourcev1.ResourceClaimConsumerReference{{Resource: "pods", Name: "p", UID: "u"}}
		c.Status.Devices = []resourcev1.AllocatedDeviceStatus{{Driver: "d.example.org", Pool: "node1/pool", Device: "eth0",
			NetworkData: &resourcev1.NetworkDeviceData{IPs: []string{"192.0.2.5/24"}}}}
		return c
	}
	allocate := func(c *claim) field.ErrorList { return ValidateResourceClaimStatusUpdate(c, validClaim()) }
	rulestest.Cases(t, allocatedClaim, allocate, []rulestest.Case[claim]{
		{Name: "result for no request", Change: func(c *claim) { c.Status.Allocation.Devices.Results[0].Request = "nic" + "/other" },
			Want: []string{rulestest.Invalid("status.allocation.devices.results[0].request")}},
		{Name: "status of another device", Change: func(c *claim) { c.Status.Devices[0].Device = "eth1" }, Want: []string{rulestest.Invalid("status.devices[0]")}},
		{Name: "two statuses of a device", Change: func(c *claim) { c.Status.Devices = append(c.Status.Devices, c.Status.Devices[0]) }, Want: []string{rulestest.Duplicate("status.devices[1]")}},
		{Name: "no address", Change: func(c *claim) { c.Status.Devices[0].NetworkData.IPs[0] = "192.0.2.5" }, Want: []string{rulestest.Invalid("status.devices[0].networkData.ips[0]")}},
		{Name: "address in another form", Change: func(c *claim) { c.Status.Devices[0].NetworkData.IPs[0] = "2001:DB8::1/64" }, Want: []string{rulestest.Invalid("status.devices[0].networkData.ips[0]")}},
		{Name: "two of a consumer", Change: func(c *claim) { c.Status.ReservedFor = append(c.Status.ReservedFor, c.Status.ReservedFor[0]) },
			Want: []string{rulestest.Duplicate("status.reservedFor[1].uid")}},
		{Name: "reserved and not allocated", Change: func(c *claim) { c.Status.Allocation, c.Status.Devices = nil, nil }, Want: []string{rulestest.Forbidden("status.reservedFor")}},
	})
	rulestest.UpdateCases(t, allocatedClaim, ValidateResourceClaimStatusUpdate, []rulestest.Case[claim]{
		{Name: "another device", Change: func(c *claim) { c.Status.Allocation.Devices.Results[0].Device, c.Status.Devices = "eth1", nil }, Want: []string{rulestest.Invalid("status.allocation")}},
		{Name: "given back", Change: func(c *claim) { c.Status = resourcev1.ResourceClaimStatus{} }},
		{Name: "reserved while it goes", Change: func(c *claim) {
			c.DeletionTimestamp = &metav1.Time{}
			c.Status.ReservedFor = append(c.Status.ReservedFor, resourcev1.ResourceClaimConsumerReference{Resource: "pods", Name: "q", UID: "v"})
		}, Want: []string{rulestest.Forbidden("status.reservedFor[1]"), rulestest.Invalid("metadata.deletionTimestamp")}},
	})
}

func TestSlice(t *testing.T) {
	type slice = resourcev1.ResourceSlice
	valid := func() *slice {
		return &slice{ObjectMeta: metav1.ObjectMeta{Name: "s", ResourceVersion: "1"}, Spec: resourcev1.ResourceSliceSpec{
			Driver: "d.example.org", NodeName: new("node1"), Pool: resourcev1.ResourcePool{Name: "node1", ResourceSliceCount: 1},
			Devices: []resourcev1.Device{{Name: "d0", Attributes: map[resourcev1.QualifiedName]resourcev1.DeviceAttribute{
				"model": {StringValue: new("m")}, "example.org/version": {VersionValue: new("1.2.3-rc.1")}}}},
		}}
	}
	device := func(s *slice) *resourcev1.Device { return &s.Spec.Devices[0] }
	rulestest.Cases(t, valid, ValidateResourceSlice, []rulestest.Case[slice]{
		{Name: "no driver", Change: func(s *slice) { s.Spec.Driver = "" }, Want: []string{rulestest.Required("spec.driver")}},
		{Name: "no slices in the pool", Change: func(s *slice) { s.Spec.Pool.ResourceSliceCount = 0 }, Want: []string{rulestest.Invalid("spec.pool.resourceSliceCount")}},
		{Name: "for no node", Change: func(s *slice) { s.Spec.NodeName = nil }, Want: []string{rulestest.Required("spec")}},
		{Name: "for one and all nodes", Change: func(s *slice) { s.Spec.AllNodes = new(true) }, Want: []string{rulestest.Invalid("spec")}},
		{Name: "not for all nodes", Change: func(s *slice) { s.Spec.AllNodes = new(false) }, Want: []string{rulestest.Invalid("spec.allNodes")}},
		{Name: "selector with two terms", Change: func(s *slice) {
			s.Spec.NodeName, s.Spec.NodeSelector = nil, &corev1.NodeSelector{NodeSelectorTerms: make([]corev1.NodeSelectorTerm, 2)}
		}, Want: []string{rulestest.Invalid("spec.nodeSelector.nodeSelectorTerms")}},
		{Name: "devices that choose no node", Change: func(s *slice) { s.Spec.NodeName, s.Spec.PerDeviceNodeSelection = nil, new(true) }, Want: []string{rulestest.Required("spec.devices[0]")}},
		{Name: "device that chooses a node", Change: func(s *slice) { device(s).AllNodes = new(true) }, Want: []string{rulestest.Invalid("spec.devices[0]")}},
		{Name: "two devices of a name", Change: func(s *slice) { s.Spec.Devices = append(s.Spec.Devices, *device(s)) }, Want: []string{rulestest.Duplicate("spec.devices[1].name")}},
		{Name: "attribute without a value", Change: func(s *slice) { device(s).Attributes["model"] = resourcev1.DeviceAttribute{} }, Want: []string{rulestest.Required("spec.devices[0].attributes[model]")}},
		{Name: "attribute with two values", Change: func(s *slice) {
			device(s).Attributes["model"] = resourcev1.DeviceAttribute{IntValue: new(int64(1)), BoolValue: new(true)}
		}, Want: []string{rulestest.Invalid("spec.devices[0].attributes[model]")}},
		{Name: "no version", Change: func(s *slice) { device(s).Attributes["model"] = resourcev1.DeviceAttribute{VersionValue: new("1.2")} },
			Want: []string{rulestest.Invalid("spec.devices[0].attributes[model].version")}},
		{Name: "odd name of an attribute", Change: func(s *slice) { device(s).Attributes["a-b"] = resourcev1.DeviceAttribute{BoolValue: new(true)} },
			Want: []string{rulestest.Invalid("spec.devices[0].attributes[a-b]")}},
		{Name: "unknown effect", Change: func(s *slice) { device(s).Taints = []resourcev1.DeviceTaint{{Key: "k", Effect: "Other"}} }, Want: []string{rulestest.NotSupported("spec.devices[0].taints[0].effect")}},
		{Name: "too many with taints", Change: func(s *slice) {
			taint := []resourcev1.DeviceTaint{{Key: "k", Effect: resourcev1.DeviceTaintEffectNoSchedule}}
			s.Spec.Devices = nil
			for i := range 65 {
				s.Spec.Devices = append(s.Spec.Devices, resourcev1.Device{Name: "d" + strings.Repeat("x", i), Taints: taint})
			}
			s.Spec.Devices[64].Name = "e"
			s.Spec.Devices[63].Name = "f"
		}, Want: []string{rulestest.TooMany("spec.devices")}},
		{Name: "devices and counters", Change: func(s *slice) {
			s.Spec.SharedCounters = []resourcev1.CounterSet{{Name: "c", Counters: map[string]resourcev1.Counter{"memory": {}}}}
		}, Want: []string{rulestest.Invalid("spec")}},
		{Name: "counter set without counters", Change: func(s *slice) { s.Spec.Devices, s.Spec.SharedCounters = nil, []resourcev1.CounterSet{{Name: "c"}} },
			Want: []string{rulestest.Required("spec.sharedCounters[0].counters")}},
	})
	rulestest.UpdateCases(t, valid, ValidateResourceSliceUpdate, []rulestest.Case[slice]{
		{Name: "driver", Change: func(s *slice) { s.Spec.Driver = "e.example.org" }, Want: []string{rulestest.Invalid("spec.driver")}},
		{Name: "pool", Change: func(s *slice) { s.Spec.Pool.Name = "other" }, Want: []string{rulestest.Invalid("spec.pool.name")}},
		{Name: "node", Change: func(s *slice) { s.Spec.NodeName = new("node2") }, Want: []string{rulestest.Invalid("spec.nodeName")}},
		{Name: "generation", Change: func(s *slice) { s.Spec.Pool.Generation++ }},
	})
}

func TestClass(t *testing.T) {
	type class = resourcev1.DeviceClass
	valid := func() *class {
		return &class{ObjectMeta: metav1.ObjectMeta{Name: "gpu", ResourceVersion: "1"}, Spec: resourcev1.DeviceClassSpec{
			Selectors: []resourcev1.DeviceSelector{{CEL: &resourcev1.CELDeviceSelector{Expression: "true"}}}, ExtendedResourceName: new("example.org/gpu")}}
	}
	rulestest.Cases(t, valid, ValidateDeviceClass, []rulestest.Case[class]{
		{Name: "no expression", Change: func(c *class) { c.Spec.Selectors[0].CEL.Expression = "" }, Want: []string{rulestest.Required("spec.selectors[0].cel.expression")}},
		{Name: "name of Kubernetes' own", Change: func(c *class) { c.Spec.ExtendedResourceName = new("kubernetes.io/gpu") }, Want: []string{rulestest.Invalid("spec.extendedResourceName")}},
		{Name: "name without a domain", Change: func(c *class) { c.Spec.ExtendedResourceName = new("gpu") }, Want: []string{rulestest.Invalid("spec.extendedResourceName")}},
	})
	rulestest.UpdateCases(t, valid, ValidateDeviceClassUpdate, []rulestest.Case[class]{
		{Name: "selectors", Change: func(c *class) { c.Spec.Selectors = nil }},
	})
}

func TestFuzz(t *testing.T) {
	type (
		claim    = resourcev1.ResourceClaim
		template = resourcev1.ResourceClaimTemplate
		slice    = resourcev1.ResourceSlice
		class    = resourcev1.DeviceClass
	)
	rulestest.Fuzz(t, rulestest.Rules[claim]{Default: SetResourceClaimDefaults, Validate: ValidateResourceClaim,
		Update: []func(newC, old *claim) field.ErrorList{ValidateResourceClaimUpdate, ValidateResourceClaimStatusUpdate}})
	rulestest.Fuzz(t, rulestest.Rules[template]{Default: SetResourceClaimTemplateDefaults, Validate: ValidateResourceClaimTemplate,
		Update: []func(newT, old *template) field.ErrorList{ValidateResourceClaimTemplateUpdate}})
	rulestest.Fuzz(t, rulestest.Rules[slice]{Validate: ValidateResourceSlice, Update: []func(newS, old *slice) field.ErrorList{ValidateResourceSliceUpdate}})
	rulestest.Fuzz(t, rulestest.Rules[class]{Validate: ValidateDeviceClass, Update: []func(newC, old *class) field.ErrorList{ValidateDeviceClassUpdate}})
}
