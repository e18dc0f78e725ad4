package core

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/proa-sh/proa/staging/apirules/internal/rulestest"
)

func objectMeta(namespace string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: "x", Namespace: namespace, ResourceVersion: "1"}
}

func TestNamespaces(t *testing.T) {
	valid := func() *v1.Namespace {
		ns := &v1.Namespace{ObjectMeta: objectMeta(""), Spec: v1.NamespaceSpec{Finalizers: []v1.FinalizerName{"kubernetes"}}}
		SetNamespaceDefaults(ns)
		return ns
	}
	if got := valid(); got.Labels[v1.LabelMetadataName] != "x" || got.Status.Phase != v1.NamespaceActive {
		t.Errorf("defaults give %v", got)
	}
	type c = rulestest.Case[v1.Namespace]
	rulestest.Cases(t, valid, ValidateNamespace, []c{
		{Name: "name", Change: func(n *v1.Namespace) { n.Name = "a.b" }, Want: []string{invalid("metadata.name")}},
		{Name: "namespace", Change: func(n *v1.Namespace) { n.Namespace = "a" }, Want: []string{forbidden("metadata.namespace")}},
		{Name: "finalizer", Change: func(n *v1.Namespace) { n.Spec.Finalizers = append(n.Spec.Finalizers, "a/b", "c") }, Want: []string{invalid("spec.finalizers[2]")}},
	})
	rulestest.UpdateCases(t, valid, ValidateNamespaceStatusUpdate, []c{
		{Name: "phase", Change: func(n *v1.Namespace) { n.Status.Phase = v1.NamespaceTerminating }, Want: []string{invalid("status.phase")}},
		{Name: "deleting", Change: func(n *v1.Namespace) { n.DeletionTimestamp = &metav1.Time{Time: time.Unix(1, 0)} },
			Want: []string{invalid("metadata.deletionTimestamp"), invalid("status.phase")}},
	})
	rulestest.UpdateCases(t, valid, ValidateNamespaceFinalizeUpdate, []c{
		{Name: "finalizer", Change: func(n *v1.Namespace) { n.Spec.Finalizers = []v1.FinalizerName{""} }, Want: []string{invalid("spec.finalizers[0]")}},
	})
}

func TestConfigMaps(t *testing.T) {
	valid := func() *v1.ConfigMap {
		return &v1.ConfigMap{ObjectMeta: objectMeta("ns"), Data: map[string]string{"a": "1"}, BinaryData: map[string][]byte{"b": {1}}, Immutable: ptr.To(true)}
	}
	type c = rulestest.Case[v1.ConfigMap]
	rulestest.Cases(t, valid, ValidateConfigMap, []c{
		{Name: "keys", Change: func(m *v1.ConfigMap) { m.Data["b"], m.Data["/"] = "", "" }, Want: []string{invalid("data[b]"), invalid("data[/]")}},
		{Name: "size", Change: func(m *v1.ConfigMap) { m.Data["a"] = strings.Repeat("x", v1.MaxSecretSize) }, Want: []string{tooLong("[]")}},
	})
	rulestest.UpdateCases(t, valid, ValidateConfigMapUpdate, []c{
		{Name: "data", Change: func(m *v1.ConfigMap) { m.Data["a"] = "2"; m.BinaryData = nil }, Want: []string{forbidden("data"), forbidden("binaryData")}},
		{Name: "mutable", Change: func(m *v1.ConfigMap) { m.Immutable = nil }, Want: []string{forbidden("immutable")}},
	})
}

func TestSecrets(t *testing.T) {
	valid := func() *v1.Secret {
		s := &v1.Secret{ObjectMeta: objectMeta("ns"), StringData: map[string]string{"a": "1"}}
		NormalizeSecret(s)
		SetSecretDefaults(s)
		return s
	}
	if diff := cmp.Diff(&v1.Secret{ObjectMeta: objectMeta("ns"), Data: map[string][]byte{"a": []byte("1")}, Type: v1.SecretTypeOpaque}, valid()); diff != "" {
		t.Errorf("secrets differ (-want +got):\n%s", diff)
	}
	type c = rulestest.Case[v1.Secret]
	rulestest.Cases(t, valid, ValidateSecret, []c{
		{Name: "key", Change: func(s *v1.Secret) { s.Data["/"] = nil }, Want: []string{invalid("data[/]")}},
		{Name: "token", Change: func(s *v1.Secret) { s.Type = v1.SecretTypeServiceAccountToken }, Want: []string{required("metadata.annotations[kubernetes.io/service-account.name]")}},
		{Name: "dockercfg", Change: func(s *v1.Secret) { s.Type = v1.SecretTypeDockercfg }, Want: []string{required("data[.dockercfg]")}},
		{Name: "docker json", Change: func(s *v1.Secret) {
			s.Type, s.Data[v1.DockerConfigJsonKey] = v1.SecretTypeDockerConfigJson, []byte("x")
		}, Want: []string{invalid("data[.dockerconfigjson]")}},
		{Name: "basic", Change: func(s *v1.Secret) { s.Type = v1.SecretTypeBasicAuth }, Want: []string{required("data[username]"), required("data[password]")}},
		{Name: "ssh", Change: func(s *v1.Secret) { s.Type = v1.SecretTypeSSHAuth }, Want: []string{required("data[ssh-privatekey]")}},
		{Name: "tls", Change: func(s *v1.Secret) { s.Type = v1.SecretTypeTLS }, Want: []string{required("data[tls.crt]"), required("data[tls.key]")}},
	})
	rulestest.UpdateCases(t, valid, ValidateSecretUpdate, []c{
		{Name: "type", Change: func(s *v1.Secret) { s.Type = "a/b" }, Want: []string{invalid("type")}},
		{Name: "data", Change: func(s *v1.Secret) { s.Data["a"] = nil }},
	})
}

func TestNodes(t *testing.T) {
	valid := func() *v1.Node {
		n := &v1.Node{ObjectMeta: objectMeta(""), Spec: v1.NodeSpec{PodCIDR: "10.0.0.0/24"}, Status: v1.NodeStatus{Capacity: list("cpu", "2")}}
		NormalizeNode(n)
		SetNodeDefaults(n)
		return n
	}
	if got := valid(); len(got.Spec.PodCIDRs) != 1 || got.Status.Allocatable.Cpu().String() != "2" {
		t.Errorf("defaults give %v", got)
	}
	type c = rulestest.Case[v1.Node]
	rulestest.Cases(t, valid, ValidateNode, []c{
		{Name: "ranges", Change: func(n *v1.Node) { n.Spec.PodCIDRs = []string{"10.0.0.0/24", "10.0.1.0/24"} }, Want: []string{invalid("spec.podCIDRs")}},
		{Name: "range", Change: func(n *v1.Node) { n.Spec.PodCIDRs = []string{"x"} }, Want: []string{invalid("spec.podCIDRs[0]")}},
		{Name: "taints", Change: func(n *v1.Node) {
			n.Spec.Taints = []v1.Taint{{Key: "a", Effect: v1.TaintEffectNoExecute}, {Key: "a", Effect: v1.TaintEffectNoExecute}, {Key: "/", Value: "/"}}
		}, Want: []string{duplicate("spec.taints[1]"), invalid("spec.taints[2].key"), invalid("spec.taints[2].value"), required("spec.taints[2].effect")}},
		{Name: "capacity", Change: func(n *v1.Node) { n.Status.Capacity = list("cpu", "-1") }, Want: []string{invalid("status.capacity[cpu]")}},
	})
	rulestest.UpdateCases(t, valid, ValidateNodeUpdate, []c{
		{Name: "range", Change: func(n *v1.Node) { n.Spec.PodCIDR, n.Spec.PodCIDRs = "10.0.1.0/24", []string{"10.0.1.0/24"} }, Want: []string{forbidden("spec.podCIDRs")}},
		{Name: "provider", Change: func(n *v1.Node) { n.Spec.ProviderID = "a://b" }},
		{Name: "unschedulable", Change: func(n *v1.Node) { n.Spec.Unschedulable = true }},
		{Name: "addresses", Change: func(n *v1.Node) {
			n.Status.Addresses = []v1.NodeAddress{{Type: "InternalIP", Address: "1.2.3.4"}, {Type: "InternalIP", Address: "1.2.3.4"}}
		}, Want: []string{duplicate("status.addresses[1]")}},
	})
	named := func() *v1.Node { n := valid(); n.Spec.ProviderID = "a://b"; return n }
	rulestest.UpdateCases(t, named, ValidateNodeUpdate, []c{
		{Name: "another provider", Change: func(n *v1.Node) { n.Spec.ProviderID = "a://c" }, Want: []string{forbidden("spec.providerID")}},
	})
}

func TestEndpoints(t *testing.T) {
	valid := func() *v1.Endpoints {
		e := &v1.Endpoints{ObjectMeta: objectMeta("ns"), Subsets: []v1.EndpointSubset{{Addresses: []v1.EndpointAddress{{IP: "1.2.3.4"}}, Ports: []v1.EndpointPort{{Port: 80}}}}}
		SetEndpointsDefaults(e)
		return e
	}
	type c = rulestest.Case[v1.Endpoints]
	rulestest.Cases(t, valid, ValidateEndpoints, []c{
		{Name: "no address", Change: func(e *v1.Endpoints) { e.Subsets[0].Addresses = nil }, Want: []string{required("subsets[0]")}},
		{Name: "address", Change: func(e *v1.Endpoints) { e.Subsets[0].Addresses[0] = v1.EndpointAddress{IP: "127.0.0.1"} }, Want: []string{invalid("subsets[0].addresses[0].ip")}},
		{Name: "ports", Change: func(e *v1.Endpoints) {
			e.Subsets[0].Ports = []v1.EndpointPort{{Port: 0, Protocol: "x"}, {Name: "A", Port: 1, Protocol: "TCP"}}
		},
			Want: []string{required("subsets[0].ports[0].name"), invalid("subsets[0].ports[0].port"), notSupported("subsets[0].ports[0].protocol"), invalid("subsets[0].ports[1].name")}},
	})
	old := valid()
	old.Subsets[0].Addresses[0].IP = "01.2.3.4"
	same := old.DeepCopy()
	same.Labels = map[string]string{"a": "b"}
	rulestest.Check(t, ValidateEndpointsUpdate(same, old))
}

func TestEvents(t *testing.T) {
	valid := func() *v1.Event {
		return &v1.Event{ObjectMeta: objectMeta("ns"), InvolvedObject: v1.ObjectReference{Namespace: "ns"}, EventTime: metav1.NewMicroTime(time.Unix(1, 0)),
			ReportingController: "a/b", ReportingInstance: "i", Action: "a", Reason: "r", Type: v1.EventTypeNormal}
	}
	type c = rulestest.Case[v1.Event]
	rulestest.Cases(t, valid, ValidateEvent, []c{
		{Name: "other namespace", Change: func(e *v1.Event) { e.InvolvedObject.Namespace = "a" }, Want: []string{invalid("involvedObject.namespace")}},
		{Name: "cluster scoped", Change: func(e *v1.Event) { e.InvolvedObject.Namespace, e.Namespace = "", "default" }},
		{Name: "old form", Change: func(e *v1.Event) { e.EventTime, e.Reason, e.Action = metav1.MicroTime{}, "", "" }},
		{Name: "new form", Change: func(e *v1.Event) { e.ReportingController, e.Action, e.Reason = "", "", strings.Repeat("x", 129) },
			Want: []string{required("reportingController"), invalid("reportingController"), required("action"), invalid("reason")}},
	})
	rulestest.Cases(t, valid, ValidateEventsV1Event, []c{
		{Name: "old fields", Change: func(e *v1.Event) { e.Count, e.Source.Host, e.Type = 1, "h", "x" }, Want: []string{invalid("count"), invalid("source"), notSupported("type")}},
	})
	rulestest.UpdateCases(t, valid, ValidateEventUpdate, []c{
		{Name: "series", Change: func(e *v1.Event) { e.Series = &v1.EventSeries{Count: 2} }},
		{Name: "reason", Change: func(e *v1.Event) { e.Reason = "x" }, Want: []string{invalid("reason")}},
	})
}

func TestLimitRanges(t *testing.T) {
	valid := func() *v1.LimitRange {
		l := &v1.LimitRange{ObjectMeta: objectMeta("ns"), Spec: v1.LimitRangeSpec{Limits: []v1.LimitRangeItem{{Type: v1.LimitTypeContainer, Max: list("cpu", "2"), Min: list("cpu", "1", "memory", "1")}}}}
		SetLimitRangeDefaults(l)
		return l
	}
	if diff := cmp.Diff(v1.LimitRangeItem{Type: v1.LimitTypeContainer, Max: list("cpu", "2"), Min: list("cpu", "1", "memory", "1"), Default: list("cpu", "2"), DefaultRequest: list("cpu", "2", "memory", "1")}, valid().Spec.Limits[0]); diff != "" {
		t.Errorf("defaults differ (-want +got):\n%s", diff)
	}
	item := func(change func(*v1.LimitRangeItem)) func(*v1.LimitRange) {
		return func(l *v1.LimitRange) { change(&l.Spec.Limits[0]) }
	}
	const p = "spec.limits[0]."
	rulestest.Cases(t, valid, ValidateLimitRange, []rulestest.Case[v1.LimitRange]{
		{Name: "type", Change: item(func(i *v1.LimitRangeItem) { i.Type = "x" }), Want: []string{invalid(p + "type")}},
		{Name: "twice", Change: func(l *v1.LimitRange) { l.Spec.Limits = append(l.Spec.Limits, l.Spec.Limits[0]) }, Want: []string{duplicate("spec.limits[1].type")}},
		{Name: "order", Change: item(func(i *v1.LimitRangeItem) { i.Min["cpu"] = quantity("3") }), Want: []string{invalid(p + "min[cpu]")}},
		{Name: "pod defaults", Change: item(func(i *v1.LimitRangeItem) { i.Type = v1.LimitTypePod }), Want: []string{forbidden(p + "default"), forbidden(p + "defaultRequest")}},
		{Name: "ratio", Change: item(func(i *v1.LimitRangeItem) { i.MaxLimitRequestRatio = list("cpu", "3", "memory", "500m") }),
			Want: []string{invalid(p + "maxLimitRequestRatio[cpu]"), invalid(p + "maxLimitRequestRatio[memory]")}},
		{Name: "claims", Change: func(l *v1.LimitRange) { l.Spec.Limits = []v1.LimitRangeItem{{Type: v1.LimitTypePersistentVolumeClaim}} }, Want: []string{required("spec.limits")}},
	})
}

func TestResourceQuotas(t *testing.T) {
	valid := func() *v1.ResourceQuota {
		return &v1.ResourceQuota{ObjectMeta: objectMeta("ns"), Spec: v1.ResourceQuotaSpec{Hard: list("pods", "1", "requests.cpu", "1", "count/deployments.apps", "1"), Scopes: []v1.ResourceQuotaScope{}}}
	}
	type c = rulestest.Case[v1.ResourceQuota]
	rulestest.Cases(t, valid, ValidateResourceQuota, []c{
		{Name: "unknown", Change: func(q *v1.ResourceQuota) { q.Spec.Hard = list("gpu", "1") }, Want: []string{invalid("spec.hard[gpu]")}},
		{Name: "half a pod", Change: func(q *v1.ResourceQuota) { q.Spec.Hard = list("pods", "500m") }, Want: []string{invalid("spec.hard[pods]")}},
		{Name: "negative", Change: func(q *v1.ResourceQuota) { q.Spec.Hard = list("pods", "-1") }, Want: []string{invalid("spec.hard[pods]")}},
		{Name: "scope", Change: func(q *v1.ResourceQuota) { q.Spec.Scopes = []v1.ResourceQuotaScope{"x"} }, Want: []string{invalid("spec.scopes")}},
		{Name: "scopes", Change: func(q *v1.ResourceQuota) {
			q.Spec.Hard, q.Spec.Scopes = list("pods", "1"), []v1.ResourceQuotaScope{v1.ResourceQuotaScopeBestEffort, v1.ResourceQuotaScopeNotBestEffort}
		}, Want: []string{invalid("spec.scopes")}},
		{Name: "selector", Change: func(q *v1.ResourceQuota) {
			q.Spec.Hard = list("pods", "1")
			q.Spec.ScopeSelector = &v1.ScopeSelector{MatchExpressions: []v1.ScopedResourceSelectorRequirement{
				{ScopeName: v1.ResourceQuotaScopePriorityClass, Operator: v1.ScopeSelectorOpIn}, {ScopeName: v1.ResourceQuotaScopeTerminating, Operator: v1.ScopeSelectorOpIn, Values: []string{"a"}}}}
		}, Want: []string{required("spec.scopeSelector.matchExpressions[0].values"), invalid("spec.scopeSelector.matchExpressions[1].operator")}},
	})
	rulestest.UpdateCases(t, valid, ValidateResourceQuotaUpdate, []c{
		{Name: "amount", Change: func(q *v1.ResourceQuota) { q.Spec.Hard = list("pods", "2") }},
		{Name: "scope", Change: func(q *v1.ResourceQuota) {
			q.Spec.Hard, q.Spec.Scopes = list("pods", "1"), []v1.ResourceQuotaScope{v1.ResourceQuotaScopeBestEffort}
		}, Want: []string{invalid("spec.scopes")}},
	})
}

func TestReplicationControllers(t *testing.T) {
	valid := func() *v1.ReplicationController {
		rc := &v1.ReplicationController{ObjectMeta: objectMeta("ns"), Spec: v1.ReplicationControllerSpec{Template: &v1.PodTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"a": "b"}}, Spec: v1.PodSpec{Containers: []v1.Container{{Name: "c", Image: "i"}}}}}}
		SetReplicationControllerDefaults(rc)
		return rc
	}
	if got := valid(); *got.Spec.Replicas != 1 || got.Spec.Selector["a"] != "b" || got.Labels["a"] != "b" {
		t.Errorf("defaults give %v", got)
	}
	type c = rulestest.Case[v1.ReplicationController]
	rulestest.Cases(t, valid, ValidateReplicationController, []c{
		{Name: "no selector", Change: func(r *v1.ReplicationController) { r.Spec.Selector = nil }, Want: []string{required("spec.selector")}},
		{Name: "selector", Change: func(r *v1.ReplicationController) { r.Spec.Selector = map[string]string{"x": "y"} }, Want: []string{invalid("spec.template.metadata.labels")}},
		{Name: "no template", Change: func(r *v1.ReplicationController) { r.Spec.Template = nil }, Want: []string{required("spec.template")}},
		{Name: "replicas", Change: func(r *v1.ReplicationController) { r.Spec.Replicas = ptr.To[int32](-1) }, Want: []string{invalid("spec.replicas")}},
		{Name: "restart", Change: func(r *v1.ReplicationController) { r.Spec.Template.Spec.RestartPolicy = v1.RestartPolicyNever }, Want: []string{notSupported("spec.template.spec.restartPolicy")}},
	})
	rulestest.UpdateCases(t, valid, ValidateReplicationControllerStatusUpdate, []c{
		{Name: "counts", Change: func(r *v1.ReplicationController) { r.Status.ReadyReplicas = 1 }, Want: []string{invalid("status.readyReplicas")}},
	})
}

func TestPersistentVolumes(t *testing.T) {
	valid := func() *v1.PersistentVolume {
		pv := &v1.PersistentVolume{ObjectMeta: objectMeta(""), Spec: v1.PersistentVolumeSpec{Capacity: list("storage", "1Gi"), AccessModes: []v1.PersistentVolumeAccessMode{v1.ReadWriteOnce},
			PersistentVolumeSource: v1.PersistentVolumeSource{CSI: &v1.CSIPersistentVolumeSource{Driver: "d", VolumeHandle: "h"}}}}
		SetPersistentVolumeDefaults(pv)
		return pv
	}
	type c = rulestest.Case[v1.PersistentVolume]
	rulestest.Cases(t, valid, ValidatePersistentVolume, []c{
		{Name: "empty", Change: func(v *v1.PersistentVolume) { v.Spec = v1.PersistentVolumeSpec{} }, Want: []string{required("spec"), required("spec.accessModes"), required("spec.capacity")}},
		{Name: "capacity", Change: func(v *v1.PersistentVolume) { v.Spec.Capacity = list("storage", "0", "cpu", "1") }, Want: []string{notSupported("spec.capacity"), invalid("spec.capacity[storage]")}},
		{Name: "modes", Change: func(v *v1.PersistentVolume) {
			v.Spec.AccessModes = append(v.Spec.AccessModes, v1.ReadWriteOncePod, "x")
		}, Want: []string{notSupported("spec.accessModes"), forbidden("spec.accessModes")}},
		{Name: "reclaim", Change: func(v *v1.PersistentVolume) { v.Spec.PersistentVolumeReclaimPolicy = "x" }, Want: []string{notSupported("spec.persistentVolumeReclaimPolicy")}},
		{Name: "local", Change: func(v *v1.PersistentVolume) { v.Spec.CSI, v.Spec.Local = nil, &v1.LocalVolumeSource{Path: "/a"} }, Want: []string{required("metadata.annotations")}},
		{Name: "recycled root", Change: func(v *v1.PersistentVolume) {
			v.Spec.CSI, v.Spec.HostPath, v.Spec.PersistentVolumeReclaimPolicy = nil, &v1.HostPathVolumeSource{Path: "//"}, v1.PersistentVolumeReclaimRecycle
		}, Want: []string{forbidden("spec.persistentVolumeReclaimPolicy")}},
		{Name: "secret", Change: func(v *v1.PersistentVolume) { v.Spec.CSI.NodeStageSecretRef = &v1.SecretReference{} }, Want: []string{required("spec.csi.nodeStageSecretRef.name"), required("spec.csi.nodeStageSecretRef.namespace")}},
		{Name: "nodes", Change: func(v *v1.PersistentVolume) { v.Spec.NodeAffinity = onNodes("/") },
			Want: []string{invalid("spec.nodeAffinity.required.nodeSelectorTerms[0].matchExpressions[0].values[0]")}},
		{Name: "attributes", Change: func(v *v1.PersistentVolume) { v.Spec.VolumeAttributesClassName = ptr.To("") }, Want: []string{required("spec.volumeAttributesClassName")}},
	})
	rulestest.UpdateCases(t, valid, ValidatePersistentVolumeUpdate, []c{
		{Name: "source", Change: func(v *v1.PersistentVolume) { v.Spec.CSI.VolumeHandle = "x" }, Want: []string{forbidden("spec.persistentvolumesource")}},
		{Name: "expansion secret", Change: func(v *v1.PersistentVolume) {
			v.Spec.CSI.ControllerExpandSecretRef = &v1.SecretReference{Name: "a", Namespace: "b"}
		}},
		{Name: "mode", Change: func(v *v1.PersistentVolume) { v.Spec.VolumeMode = ptr.To(v1.PersistentVolumeBlock) }, Want: []string{invalid("spec.volumeMode")}},
		{Name: "capacity", Change: func(v *v1.PersistentVolume) { v.Spec.Capacity = list("storage", "2Gi") }},
	})
	odd := func() *v1.PersistentVolume { v := valid(); v.Spec.NodeAffinity = onNodes("/"); return v }
	rulestest.UpdateCases(t, odd, ValidatePersistentVolumeUpdate, []c{
		{Name: "stored nodes", Change: func(v *v1.PersistentVolume) { v.Spec.Capacity = list("storage", "2Gi") }},
	})
}

// onNodes is a volume that only nodes with one of the values of a label reach.
func onNodes(values ...string) *v1.VolumeNodeAffinity {
	return &v1.VolumeNodeAffinity{Required: nodesWith("a", values...).NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution}
}

func TestPersistentVolumeClaims(t *testing.T) {
	valid := func() *v1.PersistentVolumeClaim {
		return &v1.PersistentVolumeClaim{ObjectMeta: objectMeta("ns"), Spec: claimSpec(), Status: v1.PersistentVolumeClaimStatus{Phase: v1.ClaimPending}}
	}
	type c = rulestest.Case[v1.PersistentVolumeClaim]
	rulestest.Cases(t, valid, ValidatePersistentVolumeClaim, []c{
		{Name: "no modes", Change: func(p *v1.PersistentVolumeClaim) { p.Spec.AccessModes = nil }, Want: []string{required("spec.accessModes")}},
		{Name: "no size", Change: func(p *v1.PersistentVolumeClaim) { p.Spec.Resources.Requests = nil }, Want: []string{required("spec.resources[storage]")}},
		{Name: "size", Change: func(p *v1.PersistentVolumeClaim) { p.Spec.Resources.Requests = list("storage", "0") }, Want: []string{invalid("spec.resources[storage]")}},
		{Name: "class", Change: func(p *v1.PersistentVolumeClaim) { p.Spec.StorageClassName = ptr.To("A") }, Want: []string{invalid("spec.storageClassName")}},
		{Name: "sources", Change: func(p *v1.PersistentVolumeClaim) {
			p.Spec.DataSource = &v1.TypedLocalObjectReference{Kind: "Pod", Name: "a"}
			p.Spec.DataSourceRef = &v1.TypedObjectReference{Kind: "PersistentVolumeClaim", Name: "b"}
		}, Want: []string{invalid("spec"), invalid("spec.dataSource")}},
	})
	rulestest.UpdateCases(t, valid, ValidatePersistentVolumeClaimUpdate, []c{
		{Name: "bind", Change: func(p *v1.PersistentVolumeClaim) { p.Spec.VolumeName = "v" }},
		{Name: "modes", Change: func(p *v1.PersistentVolumeClaim) {
			p.Spec.AccessModes = []v1.PersistentVolumeAccessMode{v1.ReadOnlyMany}
		}, Want: []string{forbidden("spec")}},
		{Name: "size", Change: func(p *v1.PersistentVolumeClaim) { p.Spec.Resources.Requests = list("storage", "2Gi") }, Want: []string{forbidden("spec")}},
		{Name: "class", Change: func(p *v1.PersistentVolumeClaim) { p.Spec.StorageClassName = ptr.To("fast") }},
		{Name: "attributes before it is bound", Change: func(p *v1.PersistentVolumeClaim) { p.Spec.VolumeAttributesClassName = ptr.To("a") }, Want: []string{forbidden("spec")}},
	})
	bound := func() *v1.PersistentVolumeClaim {
		p := valid()
		p.Spec.VolumeName, p.Spec.StorageClassName = "v", ptr.To("slow")
		p.Spec.VolumeAttributesClassName = ptr.To("a")
		p.Status.Phase, p.Status.Capacity = v1.ClaimBound, list("storage", "1Gi")
		return p
	}
	rulestest.UpdateCases(t, bound, ValidatePersistentVolumeClaimUpdate, []c{
		{Name: "size", Change: func(p *v1.PersistentVolumeClaim) { p.Spec.Resources.Requests = list("storage", "2Gi") }},
		{Name: "smaller", Change: func(p *v1.PersistentVolumeClaim) { p.Spec.Resources.Requests = list("storage", "1Mi") }, Want: []string{forbidden("spec.resources.requests.storage")}},
		{Name: "volume", Change: func(p *v1.PersistentVolumeClaim) { p.Spec.VolumeName = "w" }, Want: []string{forbidden("spec")}},
		{Name: "class", Change: func(p *v1.PersistentVolumeClaim) { p.Spec.StorageClassName = ptr.To("fast") }, Want: []string{forbidden("spec")}},
		{Name: "attributes", Change: func(p *v1.PersistentVolumeClaim) { p.Spec.VolumeAttributesClassName = ptr.To("b") }},
		{Name: "attributes taken back", Change: func(p *v1.PersistentVolumeClaim) { p.Spec.VolumeAttributesClassName = nil }},
		{Name: "attributes emptied", Change: func(p *v1.PersistentVolumeClaim) { p.Spec.VolumeAttributesClassName = ptr.To("") }},
		{Name: "other requests", Change: func(p *v1.PersistentVolumeClaim) { p.Spec.Resources.Requests = list("storage", "1Gi", "cpu", "1") },
			Want: []string{forbidden("spec")}},
	})
	classed := func() *v1.PersistentVolumeClaim {
		p := bound()
		p.Status.CurrentVolumeAttributesClassName = ptr.To("a")
		return p
	}
	rulestest.UpdateCases(t, classed, ValidatePersistentVolumeClaimUpdate, []c{
		{Name: "other attributes", Change: func(p *v1.PersistentVolumeClaim) { p.Spec.VolumeAttributesClassName = ptr.To("b") }},
		{Name: "no attributes", Change: func(p *v1.PersistentVolumeClaim) { p.Spec.VolumeAttributesClassName = nil }, Want: []string{forbidden("spec.volumeAttributesClassName")}},
		{Name: "empty attributes", Change: func(p *v1.PersistentVolumeClaim) { p.Spec.VolumeAttributesClassName = ptr.To("") }, Want: []string{forbidden("spec.volumeAttributesClassName")}},
	})
	const beta = v1.BetaStorageClassAnnotation
	annotated := func() *v1.PersistentVolumeClaim {
		p := valid()
		p.Annotations = map[string]string{beta: "old"}
		return p
	}
	rulestest.UpdateCases(t, annotated, ValidatePersistentVolumeClaimUpdate, []c{
		{Name: "same class by field", Change: func(p *v1.PersistentVolumeClaim) { p.Spec.StorageClassName = ptr.To("old") }},
		{Name: "same class by field alone", Change: func(p *v1.PersistentVolumeClaim) { p.Annotations, p.Spec.StorageClassName = nil, ptr.To("old") }},
		{Name: "other class by field", Change: func(p *v1.PersistentVolumeClaim) { p.Spec.StorageClassName = ptr.To("fast") }, Want: []string{forbidden("spec")}},
		{Name: "other class by annotation", Change: func(p *v1.PersistentVolumeClaim) { p.Annotations[beta] = "fast" }, Want: []string{invalid("metadata.annotations." + beta)}},
		{Name: "annotation taken away", Change: func(p *v1.PersistentVolumeClaim) { p.Annotations = nil }, Want: []string{invalid("metadata.annotations." + beta)}},
	})
	twin := &v1.PersistentVolumeClaim{Spec: v1.PersistentVolumeClaimSpec{DataSource: &v1.TypedLocalObjectReference{APIGroup: ptr.To("g"), Kind: "K", Name: "n"}}}
	NormalizePersistentVolumeClaim(twin)
	if diff := cmp.Diff(&v1.TypedObjectReference{APIGroup: ptr.To("g"), Kind: "K", Name: "n"}, twin.Spec.DataSourceRef); diff != "" {
		t.Errorf("references differ (-want +got):\n%s", diff)
	}
}
