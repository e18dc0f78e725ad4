package storage

import (
	"strings"
	"testing"

	v1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/proa-sh/proa/staging/apirules/internal/rulestest"
)

var (
	invalid      = rulestest.Invalid
	required     = rulestest.Required
	notSupported = rulestest.NotSupported
	forbidden    = rulestest.Forbidden
)

func objectMeta(namespace string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: "x", Namespace: namespace, ResourceVersion: "1"}
}

func TestStorageClasses(t *testing.T) {
	valid := func() *storagev1.StorageClass {
		c := &storagev1.StorageClass{ObjectMeta: objectMeta(""), Provisioner: "example.com/P"}
		SetStorageClassDefaults(c)
		return c
	}
	type c = rulestest.Case[storagev1.StorageClass]
	rulestest.Cases(t, valid, ValidateStorageClass, []c{
		{Name: "no provisioner", Change: func(c *storagev1.StorageClass) { c.Provisioner = "" }, Want: []string{required("provisioner")}},
		{Name: "parameters", Change: func(c *storagev1.StorageClass) { c.Parameters = map[string]string{"": ""} }, Want: []string{invalid("parameters")}},
		{Name: "large", Change: func(c *storagev1.StorageClass) { c.Parameters = map[string]string{"a": strings.Repeat("x", 256*1024)} }, Want: []string{rulestest.TooLong("parameters")}},
		{Name: "reclaim", Change: func(c *storagev1.StorageClass) { c.ReclaimPolicy = ptr.To(v1.PersistentVolumeReclaimRecycle) }, Want: []string{notSupported("reclaimPolicy")}},
		{Name: "binding", Change: func(c *storagev1.StorageClass) { c.VolumeBindingMode = nil }, Want: []string{required("volumeBindingMode")}},
		{Name: "topologies", Change: func(c *storagev1.StorageClass) {
			c.AllowedTopologies = []v1.TopologySelectorTerm{{MatchLabelExpressions: []v1.TopologySelectorLabelRequirement{{Key: "a"}, {Key: "a", Values: []string{"b", "b"}}}}}
		}, Want: []string{required("allowedTopologies[0].matchLabelExpressions[0].values"), rulestest.Duplicate("allowedTopologies[0].matchLabelExpressions[1].key"), rulestest.Duplicate("allowedTopologies[0].matchLabelExpressions[1].values[1]")}},
	})
	rulestest.UpdateCases(t, valid, ValidateStorageClassUpdate, []c{
		{Name: "all", Change: func(c *storagev1.StorageClass) {
			c.Provisioner, c.Parameters, c.ReclaimPolicy, c.VolumeBindingMode = "b/c", map[string]string{"a": "b"}, nil, ptr.To(storagev1.VolumeBindingWaitForFirstConsumer)
		}, Want: []string{forbidden("provisioner"), forbidden("parameters"), forbidden("reclaimPolicy"), invalid("volumeBindingMode")}},
		{Name: "expansion", Change: func(c *storagev1.StorageClass) { c.AllowVolumeExpansion = ptr.To(true) }},
	})
	attributes := func() *storagev1.VolumeAttributesClass {
		return &storagev1.VolumeAttributesClass{ObjectMeta: objectMeta(""), DriverName: "d", Parameters: map[string]string{"a": "b"}}
	}
	type a = rulestest.Case[storagev1.VolumeAttributesClass]
	rulestest.Cases(t, attributes, ValidateVolumeAttributesClass, []a{
		{Name: "empty", Change: func(c *storagev1.VolumeAttributesClass) { c.DriverName, c.Parameters = "", nil }, Want: []string{required("driverName"), required("parameters")}},
	})
	rulestest.UpdateCases(t, attributes, ValidateVolumeAttributesClassUpdate, []a{
		{Name: "all", Change: func(c *storagev1.VolumeAttributesClass) { c.DriverName, c.Parameters = "e", nil }, Want: []string{forbidden("driverName"), forbidden("parameters")}},
	})
}

func TestCSI(t *testing.T) {
	driver := func() *storagev1.CSIDriver {
		d := &storagev1.CSIDriver{ObjectMeta: objectMeta("")}
		SetCSIDriverDefaults(d)
		return d
	}
	type d = rulestest.Case[storagev1.CSIDriver]
	rulestest.Cases(t, driver, ValidateCSIDriver, []d{
		{Name: "name", Change: func(d *storagev1.CSIDriver) { d.Name = strings.Repeat("a", 64) }, Want: []string{rulestest.TooLong("name")}},
		{Name: "policies", Change: func(d *storagev1.CSIDriver) {
			d.Spec.FSGroupPolicy, d.Spec.VolumeLifecycleModes = ptr.To(storagev1.FSGroupPolicy("x")), []storagev1.VolumeLifecycleMode{"x"}
		}, Want: []string{notSupported("spec.fsGroupPolicy"), notSupported("spec.volumeLifecycleModes")}},
		{Name: "tokens", Change: func(d *storagev1.CSIDriver) {
			d.Spec.TokenRequests = []storagev1.TokenRequest{{ExpirationSeconds: ptr.To[int64](1)}, {}}
		}, Want: []string{invalid("spec.tokenRequests[0].expirationSeconds"), rulestest.Duplicate("spec.tokenRequests[1].audience")}},
		{Name: "secrets without tokens", Change: func(d *storagev1.CSIDriver) { d.Spec.ServiceAccountTokenInSecrets = ptr.To(true) }, Want: []string{invalid("spec.serviceAccountTokenInSecrets")}},
		{Name: "period", Change: func(d *storagev1.CSIDriver) { d.Spec.NodeAllocatableUpdatePeriodSeconds = ptr.To[int64](9) }, Want: []string{invalid("spec.nodeAllocatableUpdatePeriodSeconds")}},
	})
	rulestest.UpdateCases(t, driver, ValidateCSIDriverUpdate, []d{
		{Name: "attach", Change: func(d *storagev1.CSIDriver) { d.Spec.AttachRequired = ptr.To(false) }, Want: []string{invalid("spec.attachedRequired")}},
		{Name: "pod info", Change: func(d *storagev1.CSIDriver) { d.Spec.PodInfoOnMount = ptr.To(true) }},
	})
	node := func() *storagev1.CSINode {
		return &storagev1.CSINode{ObjectMeta: objectMeta(""), Spec: storagev1.CSINodeSpec{Drivers: []storagev1.CSINodeDriver{{Name: "d", NodeID: "n"}}}}
	}
	type n = rulestest.Case[storagev1.CSINode]
	rulestest.Cases(t, node, ValidateCSINode, []n{
		{Name: "drivers", Change: func(n *storagev1.CSINode) {
			n.Spec.Drivers = append(n.Spec.Drivers, storagev1.CSINodeDriver{Name: "d", TopologyKeys: []string{"a", "a"}, Allocatable: &storagev1.VolumeNodeResources{Count: ptr.To[int32](-1)}})
		}, Want: []string{rulestest.Duplicate("spec.drivers[1].name"), required("spec.drivers[1].nodeID"), rulestest.Duplicate("spec.drivers[1].topologyKeys"), invalid("spec.drivers[1].allocatable.count")}},
	})
	rulestest.UpdateCases(t, node, ValidateCSINodeUpdate, []n{
		{Name: "id", Change: func(n *storagev1.CSINode) { n.Spec.Drivers[0].NodeID = "m" }, Want: []string{invalid("CSINodeDriver")}},
		{Name: "count", Change: func(n *storagev1.CSINode) {
			n.Spec.Drivers[0].Allocatable = &storagev1.VolumeNodeResources{Count: ptr.To[int32](1)}
		}},
	})
	capacity := func() *storagev1.CSIStorageCapacity {
		return &storagev1.CSIStorageCapacity{ObjectMeta: objectMeta("ns"), StorageClassName: "c"}
	}
	type c = rulestest.Case[storagev1.CSIStorageCapacity]
	rulestest.Cases(t, capacity, ValidateCSIStorageCapacity, []c{
		{Name: "faults", Change: func(c *storagev1.CSIStorageCapacity) {
			c.StorageClassName, c.Capacity, c.MaximumVolumeSize = "A", resource.NewQuantity(-1, resource.DecimalSI), resource.NewQuantity(-1, resource.DecimalSI)
		}, Want: []string{invalid("storageClassName"), invalid("capacity"), invalid("maximumVolumeSize")}},
	})
	rulestest.UpdateCases(t, capacity, ValidateCSIStorageCapacityUpdate, []c{
		{Name: "subject", Change: func(c *storagev1.CSIStorageCapacity) {
			c.StorageClassName, c.NodeTopology = "d", &metav1.LabelSelector{}
		}, Want: []string{invalid("storageClassName"), invalid("nodeTopology")}},
	})
}

func TestVolumeAttachments(t *testing.T) {
	valid := func() *storagev1.VolumeAttachment {
		return &storagev1.VolumeAttachment{ObjectMeta: objectMeta(""), Spec: storagev1.VolumeAttachmentSpec{Attacher: "d", NodeName: "n", Source: storagev1.VolumeAttachmentSource{PersistentVolumeName: ptr.To("v")}}}
	}
	type c = rulestest.Case[storagev1.VolumeAttachment]
	rulestest.Cases(t, valid, ValidateVolumeAttachment, []c{
		{Name: "empty", Change: func(a *storagev1.VolumeAttachment) { a.Spec = storagev1.VolumeAttachmentSpec{} }, Want: []string{required("spec.attacher"), required("spec.source"), required("spec.nodeName")}},
		{Name: "inline", Change: func(a *storagev1.VolumeAttachment) {
			a.Spec.Source = storagev1.VolumeAttachmentSource{InlineVolumeSpec: &v1.PersistentVolumeSpec{AccessModes: []v1.PersistentVolumeAccessMode{v1.ReadWriteOnce}, StorageClassName: "c",
				PersistentVolumeSource: v1.PersistentVolumeSource{HostPath: &v1.HostPathVolumeSource{Path: "/a"}}}}
		}, Want: []string{forbidden("spec.source.inlineVolumeSpec.storageClassName"), required("spec.source.inlineVolumeSpec.csi")}},
		{Name: "both", Change: func(a *storagev1.VolumeAttachment) { a.Spec.Source.InlineVolumeSpec = &v1.PersistentVolumeSpec{} }, Want: []string{forbidden("spec.source")}},
	})
	rulestest.UpdateCases(t, valid, ValidateVolumeAttachmentUpdate, []c{
		{Name: "node", Change: func(a *storagev1.VolumeAttachment) { a.Spec.NodeName = "m" }, Want: []string{invalid("spec")}},
		{Name: "status", Change: func(a *storagev1.VolumeAttachment) {
			a.Status.AttachError = &storagev1.VolumeError{Message: strings.Repeat("x", 1025)}
		}, Want: []string{rulestest.TooLong("status.attachError.message")}},
	})
}
