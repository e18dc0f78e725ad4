package apps

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/proa-sh/proa/staging/apirules/internal/rulestest"
)

var (
	invalid      = rulestest.Invalid
	required     = rulestest.Required
	notSupported = rulestest.NotSupported
	forbidden    = rulestest.Forbidden
)

func objectMeta() metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: "x", Namespace: "ns", ResourceVersion: "1"}
}

func selector() *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: map[string]string{"a": "b"}}
}

func template() v1.PodTemplateSpec {
	return v1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"a": "b"}}, Spec: v1.PodSpec{Containers: []v1.Container{{Name: "c", Image: "i"}}}}
}

func validDeployment() *appsv1.Deployment {
	d := &appsv1.Deployment{ObjectMeta: objectMeta(), Spec: appsv1.DeploymentSpec{Selector: selector(), Template: template()}}
	SetDeploymentDefaults(d)
	return d
}

func TestDeployments(t *testing.T) {
	got := validDeployment().Spec
	got.Template = v1.PodTemplateSpec{}
	want := appsv1.DeploymentSpec{Selector: selector(), Replicas: ptr.To[int32](1), RevisionHistoryLimit: ptr.To[int32](10), ProgressDeadlineSeconds: ptr.To[int32](600),
		Strategy: appsv1.DeploymentStrategy{Type: "RollingUpdate", RollingUpdate: &appsv1.RollingUpdateDeployment{MaxUnavailable: ptr.To(intstr.FromString("25%")), MaxSurge: ptr.To(intstr.FromString("25%"))}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("defaults differ (-want +got):\n%s", diff)
	}
	type c = rulestest.Case[appsv1.Deployment]
	rolling := func(unavailable, surge intstr.IntOrString) func(*appsv1.Deployment) {
		return func(d *appsv1.Deployment) {
			d.Spec.Strategy.RollingUpdate = &appsv1.RollingUpdateDeployment{MaxUnavailable: &unavailable, MaxSurge: &surge}
		}
	}
	const r = "spec.strategy.rollingUpdate."
	rulestest.Cases(t, validDeployment, ValidateDeployment, []c{
		{Name: "replicas", Change: func(d *appsv1.Deployment) { d.Spec.Replicas = ptr.To[int32](-1) }, Want: []string{invalid("spec.replicas")}},
		{Name: "no selector", Change: func(d *appsv1.Deployment) { d.Spec.Selector = nil }, Want: []string{required("spec.selector")}},
		{Name: "empty selector", Change: func(d *appsv1.Deployment) { d.Spec.Selector = &metav1.LabelSelector{} }, Want: []string{invalid("spec.selector")}},
		{Name: "selector", Change: func(d *appsv1.Deployment) { d.Spec.Selector.MatchLabels["x"] = "y" }, Want: []string{invalid("spec.template.metadata.labels")}},
		{Name: "template", Change: func(d *appsv1.Deployment) { d.Spec.Template.Spec.Containers[0].Image = "" }, Want: []string{required("spec.template.spec.containers[0].image")}},
		{Name: "restart", Change: func(d *appsv1.Deployment) { d.Spec.Template.Spec.RestartPolicy = v1.RestartPolicyNever }, Want: []string{notSupported("spec.template.spec.restartPolicy")}},
		{Name: "deadline", Change: func(d *appsv1.Deployment) { d.Spec.Template.Spec.ActiveDeadlineSeconds = ptr.To[int64](1) }, Want: []string{forbidden("spec.template.spec.activeDeadlineSeconds")}},
		{Name: "shared disk", Change: func(d *appsv1.Deployment) {
			d.Spec.Replicas = ptr.To[int32](2)
			d.Spec.Template.Spec.Volumes = []v1.Volume{{Name: "v", VolumeSource: v1.VolumeSource{GCEPersistentDisk: &v1.GCEPersistentDiskVolumeSource{PDName: "d"}}}}
		}, Want: []string{invalid("spec.template.spec.volumes[0].gcePersistentDisk.readOnly")}},
		{Name: "strategy", Change: func(d *appsv1.Deployment) { d.Spec.Strategy.Type = "x" }, Want: []string{notSupported("spec.strategy.type")}},
		{Name: "recreate", Change: func(d *appsv1.Deployment) { d.Spec.Strategy.Type = appsv1.RecreateDeploymentStrategyType }, Want: []string{forbidden("spec.strategy.rollingUpdate")}},
		{Name: "no way forward", Change: rolling(intstr.FromString("0%"), intstr.FromInt32(0)), Want: []string{invalid(r + "maxUnavailable")}},
		{Name: "too much", Change: rolling(intstr.FromString("101%"), intstr.FromInt32(-1)), Want: []string{invalid(r + "maxUnavailable"), invalid(r + "maxSurge")}},
		{Name: "no percentage", Change: rolling(intstr.FromString("x"), intstr.FromInt32(1)), Want: []string{invalid(r + "maxUnavailable")}},
		{Name: "times", Change: func(d *appsv1.Deployment) { d.Spec.MinReadySeconds = 600 }, Want: []string{invalid("spec.progressDeadlineSeconds")}},
		{Name: "rollback", Change: func(d *appsv1.Deployment) { d.Annotations = map[string]string{appsv1.DeprecatedRollbackTo: "x"} }, Want: []string{invalid("metadata.annotations[deprecated.deployment.rollback.to]")}},
	})
	rulestest.UpdateCases(t, validDeployment, ValidateDeploymentUpdate, []c{
		{Name: "selector", Change: func(d *appsv1.Deployment) {
			d.Spec.Selector.MatchLabels, d.Spec.Template.Labels = map[string]string{"x": "y"}, map[string]string{"x": "y"}
		}, Want: []string{invalid("spec.selector")}},
		{Name: "image", Change: func(d *appsv1.Deployment) { d.Spec.Template.Spec.Containers[0].Image = "x" }},
	})
	rulestest.UpdateCases(t, validDeployment, ValidateDeploymentStatusUpdate, []c{
		{Name: "counts", Change: func(d *appsv1.Deployment) {
			d.Status = appsv1.DeploymentStatus{Replicas: 1, UpdatedReplicas: 2, AvailableReplicas: 1}
		},
			Want: []string{invalid("status.updatedReplicas"), invalid("status.availableReplicas")}},
	})
}

func TestReplicaSets(t *testing.T) {
	valid := func() *appsv1.ReplicaSet {
		r := &appsv1.ReplicaSet{ObjectMeta: objectMeta(), Spec: appsv1.ReplicaSetSpec{Selector: selector(), Template: template()}, Status: appsv1.ReplicaSetStatus{Replicas: 1}}
		SetReplicaSetDefaults(r)
		return r
	}
	type c = rulestest.Case[appsv1.ReplicaSet]
	rulestest.Cases(t, valid, ValidateReplicaSet, []c{
		{Name: "replicas", Change: func(r *appsv1.ReplicaSet) { r.Spec.Replicas, r.Spec.MinReadySeconds = ptr.To[int32](-1), -1 }, Want: []string{invalid("spec.replicas"), invalid("spec.minReadySeconds")}},
		{Name: "selector", Change: func(r *appsv1.ReplicaSet) { r.Spec.Template.Labels = nil }, Want: []string{invalid("spec.template.metadata.labels")}},
	})
	rulestest.UpdateCases(t, valid, ValidateReplicaSetUpdate, []c{
		{Name: "selector", Change: func(r *appsv1.ReplicaSet) { r.Spec.Selector = &metav1.LabelSelector{} }, Want: []string{invalid("spec.selector")}},
	})
	rulestest.UpdateCases(t, valid, ValidateReplicaSetStatusUpdate, []c{
		{Name: "ready", Change: func(r *appsv1.ReplicaSet) { r.Status.ReadyReplicas = 2 }, Want: []string{invalid("status.readyReplicas")}},
	})
}

func validDaemonSet() *appsv1.DaemonSet {
	d := &appsv1.DaemonSet{ObjectMeta: objectMeta(), Spec: appsv1.DaemonSetSpec{Selector: selector(), Template: template()}}
	SetDaemonSetDefaults(d)
	PrepareDaemonSet(d, nil)
	return d
}

func TestDaemonSets(t *testing.T) {
	type c = rulestest.Case[appsv1.DaemonSet]
	rolling := func(unavailable, surge int32) func(*appsv1.DaemonSet) {
		return func(d *appsv1.DaemonSet) {
			d.Spec.UpdateStrategy.RollingUpdate = &appsv1.RollingUpdateDaemonSet{MaxUnavailable: ptr.To(intstr.FromInt32(unavailable)), MaxSurge: ptr.To(intstr.FromInt32(surge))}
		}
	}
	rulestest.Cases(t, validDaemonSet, ValidateDaemonSet, []c{
		{Name: "no selector", Change: func(d *appsv1.DaemonSet) { d.Spec.Selector = nil }, Want: []string{required("spec.selector")}},
		{Name: "strategy", Change: func(d *appsv1.DaemonSet) { d.Spec.UpdateStrategy.Type = "x" }, Want: []string{notSupported("spec.updateStrategy.type")}},
		{Name: "no rolling", Change: func(d *appsv1.DaemonSet) { d.Spec.UpdateStrategy.RollingUpdate = nil }, Want: []string{required("spec.updateStrategy.rollingUpdate")}},
		{Name: "both", Change: rolling(1, 1), Want: []string{invalid("spec.updateStrategy.rollingUpdate.maxSurge")}},
		{Name: "neither", Change: rolling(0, 0), Want: []string{required("spec.updateStrategy.rollingUpdate.maxUnavailable")}},
		{Name: "surge", Change: rolling(0, 1)},
		{Name: "history", Change: func(d *appsv1.DaemonSet) { d.Spec.RevisionHistoryLimit = ptr.To[int32](-1) }, Want: []string{invalid("spec.revisionHistoryLimit")}},
	})
	rulestest.UpdateCases(t, validDaemonSet, ValidateDaemonSetUpdate, []c{
		{Name: "generation", Change: func(d *appsv1.DaemonSet) { d.Annotations = nil }, Want: []string{invalid("spec.templateGeneration")}},
	})
	rulestest.UpdateCases(t, validDaemonSet, ValidateDaemonSetStatusUpdate, []c{
		{Name: "counts", Change: func(d *appsv1.DaemonSet) { d.Status.NumberReady = -1 }, Want: []string{invalid("status.numberReady")}},
	})
}

func TestPrepareDaemonSet(t *testing.T) {
	old := validDaemonSet()
	same, changed := old.DeepCopy(), old.DeepCopy()
	same.Annotations = nil
	changed.Spec.Template.Spec.Containers[0].Image = "x"
	PrepareDaemonSet(same, old)
	PrepareDaemonSet(changed, old)
	got := []string{old.Annotations[appsv1.DeprecatedTemplateGeneration], same.Annotations[appsv1.DeprecatedTemplateGeneration], changed.Annotations[appsv1.DeprecatedTemplateGeneration]}
	if diff := cmp.Diff([]string{"1", "1", "2"}, got); diff != "" {
		t.Errorf("template generations differ (-want +got):\n%s", diff)
	}
}

func validStatefulSet() *appsv1.StatefulSet {
	s := &appsv1.StatefulSet{ObjectMeta: objectMeta(), Spec: appsv1.StatefulSetSpec{Selector: selector(), Template: template(), ServiceName: "svc",
		VolumeClaimTemplates: []v1.PersistentVolumeClaim{{ObjectMeta: metav1.ObjectMeta{Name: "data"}, Spec: v1.PersistentVolumeClaimSpec{
			AccessModes: []v1.PersistentVolumeAccessMode{v1.ReadWriteOnce}, Resources: v1.VolumeResourceRequirements{Requests: v1.ResourceList{"storage": resource.MustParse("1Gi")}}}}}}}
	s.Spec.Template.Spec.Containers[0].VolumeMounts = []v1.VolumeMount{{Name: "data", MountPath: "/data"}}
	NormalizeStatefulSet(s)
	SetStatefulSetDefaults(s)
	return s
}

func TestStatefulSets(t *testing.T) {
	got := validStatefulSet().Spec
	claim := got.VolumeClaimTemplates[0]
	if claim.Kind != "PersistentVolumeClaim" || claim.APIVersion != "v1" || claim.Status.Phase != v1.ClaimPending || *claim.Spec.VolumeMode != v1.PersistentVolumeFilesystem {
		t.Errorf("the claim template is %+v", claim)
	}
	got.Template, got.VolumeClaimTemplates = v1.PodTemplateSpec{}, nil
	want := appsv1.StatefulSetSpec{Selector: selector(), ServiceName: "svc", Replicas: ptr.To[int32](1), RevisionHistoryLimit: ptr.To[int32](10), PodManagementPolicy: "OrderedReady",
		UpdateStrategy:                       appsv1.StatefulSetUpdateStrategy{Type: "RollingUpdate", RollingUpdate: &appsv1.RollingUpdateStatefulSetStrategy{Partition: ptr.To[int32](0)}},
		PersistentVolumeClaimRetentionPolicy: &appsv1.StatefulSetPersistentVolumeClaimRetentionPolicy{WhenDeleted: "Retain", WhenScaled: "Retain"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("defaults differ (-want +got):\n%s", diff)
	}
	type c = rulestest.Case[appsv1.StatefulSet]
	rulestest.Cases(t, validStatefulSet, ValidateStatefulSet, []c{
		{Name: "name with dot", Change: func(s *appsv1.StatefulSet) { s.Name = "web.a" }, Want: []string{invalid("metadata.name")}},
		{Name: "host name and subdomain, which the controller gives", Change: func(s *appsv1.StatefulSet) {
			s.Spec.Template.Spec.Hostname, s.Spec.Template.Spec.Subdomain = "A.b", "-"
		}},
		{Name: "management", Change: func(s *appsv1.StatefulSet) { s.Spec.PodManagementPolicy = "x" }, Want: []string{invalid("spec.podManagementPolicy")}},
		{Name: "strategy", Change: func(s *appsv1.StatefulSet) { s.Spec.UpdateStrategy.Type = appsv1.OnDeleteStatefulSetStrategyType }, Want: []string{invalid("spec.updateStrategy.rollingUpdate")}},
		{Name: "partition", Change: func(s *appsv1.StatefulSet) { s.Spec.UpdateStrategy.RollingUpdate.Partition = ptr.To[int32](-1) }, Want: []string{invalid("spec.updateStrategy.rollingUpdate.partition")}},
		{Name: "retention", Change: func(s *appsv1.StatefulSet) { s.Spec.PersistentVolumeClaimRetentionPolicy.WhenScaled = "x" }, Want: []string{notSupported("spec.persistentVolumeClaimRetentionPolicy.whenScaled")}},
		{Name: "ordinals", Change: func(s *appsv1.StatefulSet) { s.Spec.Ordinals = &appsv1.StatefulSetOrdinals{Start: -1} }, Want: []string{invalid("spec.ordinals.start")}},
		{Name: "mount without claim", Change: func(s *appsv1.StatefulSet) { s.Spec.VolumeClaimTemplates = nil }, Want: []string{rulestest.NotFound("spec.template.spec.containers[0].volumeMounts[0].name")}},
		{Name: "claim", Change: func(s *appsv1.StatefulSet) { s.Spec.VolumeClaimTemplates[0].Spec.AccessModes = nil }, Want: []string{required("spec.volumeClaimTemplates[0].spec.accessModes")}},
		{Name: "selector", Change: func(s *appsv1.StatefulSet) { s.Spec.Selector = &metav1.LabelSelector{} }, Want: []string{invalid("spec.selector")}},
		{Name: "endless history", Change: func(s *appsv1.StatefulSet) { s.Spec.RevisionHistoryLimit = ptr.To[int32](-1) }},
	})
	dotted := func() *appsv1.StatefulSet { s := validStatefulSet(); s.Name = "web.a"; return s }
	rulestest.UpdateCases(t, dotted, ValidateStatefulSetUpdate, []c{
		{Name: "stored with a dot", Change: func(s *appsv1.StatefulSet) { s.Spec.Replicas = ptr.To[int32](0) }},
	})
	rulestest.UpdateCases(t, validStatefulSet, ValidateStatefulSetUpdate, []c{
		{Name: "allowed", Change: func(s *appsv1.StatefulSet) {
			s.Spec.Replicas, s.Spec.MinReadySeconds, s.Spec.Template.Labels["x"] = ptr.To[int32](2), 1, "y"
		}},
		{Name: "claims", Change: func(s *appsv1.StatefulSet) { s.Spec.VolumeClaimTemplates[0].Name = "x" }, Want: []string{forbidden("spec")}},
		{Name: "service", Change: func(s *appsv1.StatefulSet) { s.Spec.ServiceName = "x" }, Want: []string{forbidden("spec")}},
	})
	rulestest.UpdateCases(t, validStatefulSet, ValidateStatefulSetStatusUpdate, []c{
		{Name: "collisions", Change: func(s *appsv1.StatefulSet) { s.Status.CollisionCount = ptr.To[int32](-1) }, Want: []string{invalid("status.collisionCount")}},
	})
}

func TestControllerRevisions(t *testing.T) {
	valid := func() *appsv1.ControllerRevision {
		return &appsv1.ControllerRevision{ObjectMeta: objectMeta(), Data: runtime.RawExtension{Raw: []byte(`{"a":1}`)}, Revision: 1}
	}
	type c = rulestest.Case[appsv1.ControllerRevision]
	rulestest.Cases(t, valid, ValidateControllerRevision, []c{
		{Name: "no data", Change: func(r *appsv1.ControllerRevision) { r.Data = runtime.RawExtension{} }, Want: []string{required("data")}},
		{Name: "revision", Change: func(r *appsv1.ControllerRevision) { r.Revision = -1 }, Want: []string{invalid("revision")}},
	})
	rulestest.UpdateCases(t, valid, ValidateControllerRevisionUpdate, []c{
		{Name: "revision", Change: func(r *appsv1.ControllerRevision) { r.Revision = 2 }},
		{Name: "data", Change: func(r *appsv1.ControllerRevision) { r.Data.Raw = []byte(`{}`) }, Want: []string{invalid("data")}},
	})
}
