package core

import (
	"encoding/json"
	"fmt"

	v1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	metavalidation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/net"

	"github.com/proa-sh/proa/staging/apirules/meta"
)

// NormalizeNode makes podCIDR the first of podCIDRs (KEP-563). A client that knows only podCIDR wins.
func NormalizeNode(n *v1.Node) {
	s := &n.Spec
	if s.PodCIDR != "" && (len(s.PodCIDRs) == 0 || s.PodCIDRs[0] != s.PodCIDR) {
		s.PodCIDRs = []string{s.PodCIDR}
	}
	if s.PodCIDR == "" && len(s.PodCIDRs) > 0 {
		s.PodCIDR = s.PodCIDRs[0]
	}
}

// SetNodeDefaults makes all of a node's capacity allocatable where the kubelet does not say otherwise.
func SetNodeDefaults(n *v1.Node) {
	roundResources(n.Status.Capacity)
	roundResources(n.Status.Allocatable)
	if n.Status.Allocatable == nil && n.Status.Capacity != nil {
		n.Status.Allocatable = n.Status.Capacity.DeepCopy()
	}
}

// ValidateNode reports faults of a new node.
func ValidateNode(n *v1.Node) field.ErrorList {
	errs := meta.ClusterScoped(&n.ObjectMeta, meta.SubdomainName)
	errs = append(errs, nodeAnnotations(n.Annotations, field.NewPath("metadata", "annotations"))...)
	errs = append(errs, taints(n.Spec.Taints, field.NewPath("spec", "taints"))...)
	errs = append(errs, nodeResources(n)...)
	if len(n.Spec.PodCIDRs) > 0 {
		errs = append(errs, podCIDRs(n.Spec.PodCIDRs, nil, field.NewPath("spec", "podCIDRs"))...)
	}
	return errs
}

// nodeAnnotations rules the preferAvoidPods annotation, which is kept though nothing reads it any more.
func nodeAnnotations(a map[string]string, p *field.Path) field.ErrorList {
	value := a[v1.PreferAvoidPodsAnnotationKey]
	if value == "" {
		return nil
	}
	var avoids v1.AvoidPods
	if err := json.Unmarshal([]byte(value), &avoids); err != nil {
		return field.ErrorList{field.Invalid(field.NewPath("AvoidPods"), v1.PreferAvoidPodsAnnotationKey, err.Error())}
	}
	var errs field.ErrorList
	for i, entry := range avoids.PreferAvoidPods {
		ep := p.Child(v1.PreferAvoidPodsAnnotationKey).Index(i).Child("PodSignature")
		if entry.PodSignature.PodController == nil {
			errs = append(errs, field.Required(ep, ""))
		} else if c := entry.PodSignature.PodController.Controller; c == nil || !*c {
			errs = append(errs, field.Invalid(ep.Child("PodController"), entry.PodSignature.PodController.Controller, "must point to a controller"))
		}
	}
	return errs
}

func taints(list []v1.Taint, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	type identity struct {
		key    string
		effect v1.TaintEffect
	}
	seen := map[identity]bool{}
	for i, t := range list {
		tp := p.Index(i)
		errs = append(errs, metavalidation.ValidateLabelName(t.Key, tp.Child("key"))...)
		errs = append(errs, meta.Invalid(t.Value, tp.Child("value"), validation.IsValidLabelValue(t.Value))...)
		errs = append(errs, taintEffect(t.Effect, false, tp.Child("effect"))...)
		id := identity{t.Key, t.Effect}
		if seen[id] {
			d := field.Duplicate(tp, t)
			d.Detail = "taints must be unique by key and effect pair"
			errs = append(errs, d)
		}
		seen[id] = true
	}
	return errs
}

// nodeResources rules amounts: only those known to be whole have to be, since plug-ins bring their own.
func nodeResources(n *v1.Node) field.ErrorList {
	var errs field.ErrorList
	each := func(l v1.ResourceList, p *field.Path) {
		for _, name := range sortedNames(l) {
			errs = append(errs, resourceQuantity(name, l[name], p.Key(string(name)))...)
			if isExtended(name) || isNative(name) {
				continue
			}
			errs = append(errs, resourceName(name, p.Key(string(name)))...)
		}
	}
	each(n.Status.Capacity, field.NewPath("status", "capacity"))
	each(n.Status.Allocatable, field.NewPath("status", "allocatable"))
	return errs
}

// podCIDRs allows one range of each family.
func podCIDRs(list, old []string, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, c := range list {
		errs = append(errs, validation.IsValidCIDRForLegacyField(p.Index(i), c, true, old)...)
	}
	if len(list) < 2 {
		return errs
	}
	dual, err := net.IsDualStackCIDRStrings(list)
	if err != nil {
		return append(errs, field.InternalError(p, fmt.Errorf("invalid PodCIDRs. failed to check with dual stack with error:%w", err)))
	}
	if !dual || len(list) > 2 {
		errs = append(errs, field.Invalid(p, list, "may specify no more than one CIDR for each IP family"))
	}
	seen := map[string]bool{}
	for i, c := range list {
		if seen[c] {
			errs = append(errs, field.Duplicate(p.Index(i), c))
		}
		seen[c] = true
	}
	return errs
}

// ValidateNodeUpdate reports faults of a node that is to replace old: its ranges and provider are given once.
func ValidateNodeUpdate(newN, old *v1.Node) field.ErrorList {
	mp := field.NewPath("metadata")
	errs := meta.Update(&newN.ObjectMeta, &old.ObjectMeta)
	errs = append(errs, nodeAnnotations(newN.Annotations, mp.Child("annotations"))...)
	errs = append(errs, nodeAddresses(newN)...)
	errs = append(errs, nodeResources(newN)...)
	if len(old.Spec.PodCIDRs) > 0 {
		if !apiequality.Semantic.DeepEqual(newN.Spec.PodCIDRs, old.Spec.PodCIDRs) {
			errs = append(errs, field.Forbidden(field.NewPath("spec", "podCIDRs"), "node updates may not change podCIDR except from \"\" to valid"))
		}
	} else if len(newN.Spec.PodCIDRs) > 0 {
		errs = append(errs, podCIDRs(newN.Spec.PodCIDRs, nil, field.NewPath("spec", "podCIDRs"))...)
	}
	if old.Spec.ProviderID != "" && newN.Spec.ProviderID != old.Spec.ProviderID {
		errs = append(errs, field.Forbidden(field.NewPath("spec", "providerID"), "node updates may not change providerID except from \"\" to valid"))
	}
	if c := newN.Spec.ConfigSource; c != nil && !apiequality.Semantic.DeepEqual(c, old.Spec.ConfigSource) {
		errs = append(errs, nodeConfigSource(c, field.NewPath("spec", "configSource"))...)
	}
	if newN.Spec.DoNotUseExternalID != old.Spec.DoNotUseExternalID {
		errs = append(errs, field.Forbidden(field.NewPath(""), "node updates may only change labels, taints, or capacity"))
	}
	if len(newN.Spec.Taints) > 0 {
		errs = append(errs, taints(newN.Spec.Taints, field.NewPath("spec", "taints"))...)
	}
	return errs
}

// nodeAddresses forbids the same address twice.
func nodeAddresses(n *v1.Node) field.ErrorList {
	var errs field.ErrorList
	seen := map[v1.NodeAddress]bool{}
	for i, a := range n.Status.Addresses {
		if seen[a] {
			errs = append(errs, field.Duplicate(field.NewPath("status", "addresses").Index(i), a))
		}
		seen[a] = true
	}
	return errs
}

// nodeConfigSource rules the fields of dynamic kubelet configuration, which no kubelet honours any more.
func nodeConfigSource(c *v1.NodeConfigSource, p *field.Path) field.ErrorList {
	if c.ConfigMap == nil {
		return field.ErrorList{field.Invalid(p, c, "exactly one reference subfield must be non-nil")}
	}
	cp := p.Child("configMap")
	errs := meta.Required(c.ConfigMap.Namespace, cp.Child("namespace"))
	errs = append(errs, meta.Required(c.ConfigMap.Name, cp.Child("name"))...)
	if c.ConfigMap.KubeletConfigKey == "" {
		return append(errs, field.Required(cp.Child("kubeletConfigKey"), ""))
	}
	errs = append(errs, meta.Invalid(c.ConfigMap.KubeletConfigKey, cp.Child("kubeletConfigKey"), validation.IsConfigMapKey(c.ConfigMap.KubeletConfigKey))...)
	if c.ConfigMap.UID != "" {
		errs = append(errs, field.Forbidden(cp.Child("uid"), "uid must not be set in spec"))
	}
	if c.ConfigMap.ResourceVersion != "" {
		errs = append(errs, field.Forbidden(cp.Child("resourceVersion"), "resourceVersion must not be set in spec"))
	}
	return errs
}

// ValidateNodeStatusUpdate rules what a kubelet reports about its node.
func ValidateNodeStatusUpdate(newN, old *v1.Node) field.ErrorList {
	return ValidateNodeUpdate(newN, old)
}

// NodeWarnings tells of ranges in odd spellings and of deprecated fields and labels.
func NodeWarnings(newN, old *v1.Node) []string {
	var out []string
	if newN.Spec.ConfigSource != nil && (old == nil || old.Spec.ConfigSource == nil) {
		out = append(out, "spec.configSource: the feature is removed")
	}
	if newN.Spec.DoNotUseExternalID != "" && (old == nil || old.Spec.DoNotUseExternalID != newN.Spec.DoNotUseExternalID) {
		out = append(out, "spec.externalID: this field is deprecated, and is unused by Kubernetes")
	}
	if old != nil && apiequality.Semantic.DeepEqual(newN.Spec.PodCIDRs, old.Spec.PodCIDRs) {
		return out
	}
	for i, c := range newN.Spec.PodCIDRs {
		if len(validation.IsValidCIDRForLegacyField(nil, c, false, nil)) == 0 {
			out = append(out, validation.GetWarningsForCIDR(field.NewPath("spec", "podCIDRs").Index(i), c)...)
		}
	}
	return out
}
