package apps

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"github.com/proa-sh/proa/staging/apirules/core"
	"github.com/proa-sh/proa/staging/apirules/meta"
)

// NormalizeStatefulSet normalises the pod template and names the kind of the claim templates, as servers always show it.
func NormalizeStatefulSet(s *appsv1.StatefulSet) {
	core.NormalizePodTemplateSpec(&s.Spec.Template)
	for i := range s.Spec.VolumeClaimTemplates {
		c := &s.Spec.VolumeClaimTemplates[i]
		c.APIVersion, c.Kind = "v1", "PersistentVolumeClaim"
	}
}

// SetStatefulSetDefaults fills order, update strategy, what becomes of claims, and templates.
func SetStatefulSetDefaults(s *appsv1.StatefulSet) {
	core.SetPodTemplateSpecDefaults(&s.Spec.Template)
	for i := range s.Spec.VolumeClaimTemplates {
		core.SetPersistentVolumeClaimDefaults(&s.Spec.VolumeClaimTemplates[i])
	}
	if s.Spec.PodManagementPolicy == "" {
		s.Spec.PodManagementPolicy = appsv1.OrderedReadyPodManagement
	}
	u := &s.Spec.UpdateStrategy
	if u.Type == "" {
		u.Type = appsv1.RollingUpdateStatefulSetStrategyType
		if u.RollingUpdate == nil {
			u.RollingUpdate = &appsv1.RollingUpdateStatefulSetStrategy{}
		}
	}
	if u.Type == appsv1.RollingUpdateStatefulSetStrategyType && u.RollingUpdate != nil && u.RollingUpdate.Partition == nil {
		u.RollingUpdate.Partition = ptr.To[int32](0)
	}
	if s.Spec.PersistentVolumeClaimRetentionPolicy == nil {
		s.Spec.PersistentVolumeClaimRetentionPolicy = &appsv1.StatefulSetPersistentVolumeClaimRetentionPolicy{}
	}
	r := s.Spec.PersistentVolumeClaimRetentionPolicy
	if r.WhenDeleted == "" {
		r.WhenDeleted = appsv1.RetainPersistentVolumeClaimRetentionPolicyType
	}
	if r.WhenScaled == "" {
		r.WhenScaled = appsv1.RetainPersistentVolumeClaimRetentionPolicyType
	}
	if s.Spec.Replicas == nil {
		s.Spec.Replicas = ptr.To[int32](1)
	}
	if s.Spec.RevisionHistoryLimit == nil {
		s.Spec.RevisionHistoryLimit = ptr.To[int32](defaultRevisions)
	}
}

// ValidateStatefulSet reports faults of a new stateful set.
func ValidateStatefulSet(s *appsv1.StatefulSet) field.ErrorList {
	// The name begins the names and the host names of the pods, which are labels.
	errs := meta.Namespaced(&s.ObjectMeta, meta.LabelName)
	return append(errs, statefulSetSpec(&s.Spec, nil)...)
}

// ValidateStatefulSetUpdate reports faults of a stateful set that is to replace old, and changes of what its pods and
// claims were made from.
func ValidateStatefulSetUpdate(newS, old *appsv1.StatefulSet) field.ErrorList {
	errs := meta.Update(&newS.ObjectMeta, &old.ObjectMeta)
	errs = append(errs, statefulSetSpec(&newS.Spec, &old.Spec)...)
	n, o := newS.Spec, &old.Spec
	n.Replicas = o.Replicas
	n.Template = o.Template
	n.UpdateStrategy = o.UpdateStrategy
	n.MinReadySeconds = o.MinReadySeconds
	n.Ordinals = o.Ordinals
	n.RevisionHistoryLimit = o.RevisionHistoryLimit
	n.PersistentVolumeClaimRetentionPolicy = o.PersistentVolumeClaimRetentionPolicy
	if !apiequality.Semantic.DeepEqual(n, *o) {
		errs = append(errs, field.Forbidden(field.NewPath("spec"), "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"))
	}
	return errs
}

func statefulSetSpec(s, old *appsv1.StatefulSetSpec) field.ErrorList {
	p := field.NewPath("spec")
	was := &appsv1.StatefulSetSpec{}
	if old != nil {
		was = old
	}
	errs := podManagement(s.PodManagementPolicy, p.Child("podManagementPolicy"))
	errs = append(errs, statefulSetStrategy(&s.UpdateStrategy, p.Child("updateStrategy"))...)
	if r := s.PersistentVolumeClaimRetentionPolicy; r != nil {
		rp := p.Child("persistentVolumeClaimRetentionPolicy")
		errs = append(errs, meta.In(r.WhenDeleted, rp.Child("whenDeleted"), appsv1.RetainPersistentVolumeClaimRetentionPolicyType, appsv1.DeletePersistentVolumeClaimRetentionPolicyType)...)
		errs = append(errs, meta.In(r.WhenScaled, rp.Child("whenScaled"), appsv1.RetainPersistentVolumeClaimRetentionPolicyType, appsv1.DeletePersistentVolumeClaimRetentionPolicyType)...)
	}
	errs = append(errs, meta.NonNegative(ptr.Deref(s.Replicas, 0), p.Child("replicas"))...)
	errs = append(errs, meta.NonNegative(s.MinReadySeconds, p.Child("minReadySeconds"))...)
	if s.Ordinals != nil {
		errs = append(errs, meta.NonNegative(s.Ordinals.Start, p.Child("ordinals", "start"))...)
	}
	if s.ServiceName != "" && (old == nil || old.ServiceName != s.ServiceName) {
		errs = append(errs, meta.Invalid(s.ServiceName, p.Child("serviceName"), validation.IsDNS1123Label(s.ServiceName))...)
	}
	errs = append(errs, selectorRules(s.Selector, was.Selector, "statefulset", p.Child("selector"))...)
	if old == nil || !apiequality.Semantic.DeepEqual(old.VolumeClaimTemplates, s.VolumeClaimTemplates) {
		errs = append(errs, claimTemplates(s.VolumeClaimTemplates, p.Child("volumeClaimTemplates"))...)
	}
	return append(errs, statefulSetTemplate(s, old, p)...)
}

// claimTemplates rules the claims that pods get. Their names are ruled with the volumes that they become.
func claimTemplates(list []v1.PersistentVolumeClaim, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i := range list {
		c, cp := &list[i], p.Index(i)
		errs = append(errs, meta.Labels(c.Labels, cp.Child("metadata", "labels"))...)
		errs = append(errs, meta.Annotations(c.Annotations, cp.Child("metadata", "annotations"))...)
		errs = append(errs, core.ValidatePersistentVolumeClaimSpec(&c.Spec, cp.Child("spec"))...)
	}
	return errs
}

// statefulSetTemplate rules the template as its pods will be: with a volume of each claim template, and named by the
// controller. A template that was stored already is not looked at again, since older releases did not look into it.
func statefulSetTemplate(s, old *appsv1.StatefulSetSpec, p *field.Path) field.ErrorList {
	tp := p.Child("template")
	errs := templateMatches(s.Selector, &s.Template, p.Child("selector"), tp)
	if old == nil || !apiequality.Semantic.DeepEqual(old.Template, s.Template) {
		var was *v1.PodTemplateSpec
		if old != nil {
			was = &old.Template
		}
		errs = append(errs, core.ValidatePodTemplateSpec(asInPods(s), was, tp)...)
	}
	return append(errs, runsForever(&s.Template, "StatefulSet", tp)...)
}

// asInPods is the template with what the controller puts into each pod: the volumes of claims, and the pod's own host name
// and the subdomain of the service in place of what the template says.
func asInPods(s *appsv1.StatefulSetSpec) *v1.PodTemplateSpec {
	t := s.Template
	t.Spec.Hostname, t.Spec.Subdomain = "", ""
	claims := map[string]bool{}
	t.Spec.Volumes = nil
	for i := range s.Template.Spec.Volumes {
		t.Spec.Volumes = append(t.Spec.Volumes, s.Template.Spec.Volumes[i])
		claims[s.Template.Spec.Volumes[i].Name] = true
	}
	for i := range s.VolumeClaimTemplates {
		name := s.VolumeClaimTemplates[i].Name
		if claims[name] {
			continue // the claim takes the place of the volume when a pod is made
		}
		claims[name] = true
		t.Spec.Volumes = append(t.Spec.Volumes, v1.Volume{Name: name, VolumeSource: v1.VolumeSource{
			PersistentVolumeClaim: &v1.PersistentVolumeClaimVolumeSource{ClaimName: name}}})
	}
	return &t
}

func podManagement(policy appsv1.PodManagementPolicyType, p *field.Path) field.ErrorList {
	switch policy {
	case "":
		return field.ErrorList{field.Required(p, "")}
	case appsv1.OrderedReadyPodManagement, appsv1.ParallelPodManagement:
		return nil
	}
	return field.ErrorList{field.Invalid(p, policy, fmt.Sprintf("must be '%s' or '%s'", appsv1.OrderedReadyPodManagement, appsv1.ParallelPodManagement))}
}

func statefulSetStrategy(u *appsv1.StatefulSetUpdateStrategy, p *field.Path) field.ErrorList {
	switch u.Type {
	case "":
		return field.ErrorList{field.Required(p, "")}
	case appsv1.OnDeleteStatefulSetStrategyType:
		if u.RollingUpdate != nil {
			return field.ErrorList{field.Invalid(p.Child("rollingUpdate"), u.RollingUpdate,
				fmt.Sprintf("only allowed for updateStrategy '%s'", appsv1.RollingUpdateStatefulSetStrategyType))}
		}
		return nil
	case appsv1.RollingUpdateStatefulSetStrategyType:
		if u.RollingUpdate == nil {
			return nil
		}
		rp := p.Child("rollingUpdate")
		errs := meta.NonNegative(ptr.Deref(u.RollingUpdate.Partition, 0), rp.Child("partition"))
		return append(errs, statefulSetUnavailable(u.RollingUpdate.MaxUnavailable, rp.Child("maxUnavailable"))...)
	}
	return field.ErrorList{field.Invalid(p, *u, fmt.Sprintf("must be '%s' or '%s'", appsv1.RollingUpdateStatefulSetStrategyType, appsv1.OnDeleteStatefulSetStrategyType))}
}

func statefulSetUnavailable(v *intstr.IntOrString, p *field.Path) field.ErrorList {
	if v == nil {
		return nil
	}
	errs := meta.IntOrPercent(*v, p)
	if meta.IsZero(v) {
		errs = append(errs, field.Invalid(p, *v, "cannot be 0"))
	}
	return append(errs, meta.AtMost100Percent(*v, p)...)
}

// ValidateStatefulSetStatusUpdate rules what the stateful set controller reports.
func ValidateStatefulSetStatusUpdate(newS, old *appsv1.StatefulSet) field.ErrorList {
	p, s := field.NewPath("status"), &newS.Status
	errs := meta.Update(&newS.ObjectMeta, &old.ObjectMeta)
	errs = append(errs, meta.NonNegative(s.ObservedGeneration, p.Child("observedGeneration"))...)
	errs = append(errs, meta.NonNegative(s.Replicas, p.Child("replicas"))...)
	c := counts{s.Replicas, []part{{"readyReplicas", s.ReadyReplicas}, {"currentReplicas", s.CurrentReplicas},
		{"updatedReplicas", s.UpdatedReplicas}, {"availableReplicas", s.AvailableReplicas}}}
	errs = append(errs, c.rules(p)...)
	if s.AvailableReplicas > s.ReadyReplicas {
		errs = append(errs, field.Invalid(p.Child("availableReplicas"), s.AvailableReplicas, "cannot be greater than status.readyReplicas"))
	}
	return append(errs, collisions(s.CollisionCount, old.Status.CollisionCount, p.Child("collisionCount"))...)
}

// StatefulSetWarnings tells of doubtful parts of the templates and of a history without end.
func StatefulSetWarnings(newS, old *appsv1.StatefulSet) []string {
	if old != nil && newS.Generation == old.Generation {
		return nil
	}
	p := field.NewPath("spec")
	out := core.PodTemplateSpecWarnings(&newS.Spec.Template, templateOf(old, func(s *appsv1.StatefulSet) *podTemplate { return &s.Spec.Template }), p.Child("template"))
	for i := range newS.Spec.VolumeClaimTemplates {
		out = append(out, core.PersistentVolumeClaimSpecWarnings(&newS.Spec.VolumeClaimTemplates[i].Spec, p.Child("volumeClaimTemplates").Index(i).Child("spec"))...)
	}
	if v := newS.Spec.RevisionHistoryLimit; v != nil && *v < 0 {
		out = append(out, p.Child("revisionHistoryLimit").String()+": a negative value retains all historical revisions; a value >= 0 is recommended")
	}
	return out
}
