package podtopologyspread

import (
	"fmt"
	"maps"
	"slices"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
)

// constraint is a parsed TopologySpreadConstraint.
type constraint struct {
	key        string
	maxSkew    int64
	minDomains int64
	selector   labels.Selector
	// honorAffinity and honorTaints say that nodes which the pod may not use for that reason do not count.
	honorAffinity, honorTaints bool
}

// constraintsOf are the constraints of a pod with an action, its own or the default ones. The pod has some of its own
// when own is true.
func (p *Plugin) constraintsOf(pod *v1.Pod, action v1.UnsatisfiableConstraintAction) (parsed []constraint, own bool, err error) {
	if len(pod.Spec.TopologySpreadConstraints) > 0 {
		parsed, err = parse(pod.Spec.TopologySpreadConstraints, action, pod.Labels, nil)
		return parsed, true, err
	}
	if !slices.ContainsFunc(p.defaults, func(c v1.TopologySpreadConstraint) bool { return c.WhenUnsatisfiable == action }) {
		return nil, false, nil
	}
	selector, err := p.defaultSelector(pod)
	if err != nil || selector.Empty() {
		return nil, false, err
	}
	parsed, err = parse(p.defaults, action, pod.Labels, selector)
	return parsed, false, err
}

// parse parses the constraints with an action. A selector that is given stands for theirs.
func parse(constraints []v1.TopologySpreadConstraint, action v1.UnsatisfiableConstraintAction, podLabels labels.Set, given labels.Selector) ([]constraint, error) {
	var parsed []constraint
	for i := range constraints {
		c := &constraints[i]
		if c.WhenUnsatisfiable != action {
			continue
		}
		selector := given
		if selector == nil {
			var err error
			if selector, err = metav1.LabelSelectorAsSelector(c.LabelSelector); err != nil {
				return nil, fmt.Errorf("parse label selector of topology spread constraint %d: %w", i, err)
			}
			if selector, err = withLabelKeys(selector, c.MatchLabelKeys, podLabels); err != nil {
				return nil, fmt.Errorf("parse matchLabelKeys of topology spread constraint %d: %w", i, err)
			}
		}
		minDomains := int64(1)
		if c.MinDomains != nil {
			minDomains = int64(*c.MinDomains)
		}
		parsed = append(parsed, constraint{
			key: c.TopologyKey, maxSkew: int64(c.MaxSkew), minDomains: minDomains, selector: selector,
			honorAffinity: c.NodeAffinityPolicy == nil || *c.NodeAffinityPolicy == v1.NodeInclusionPolicyHonor,
			honorTaints:   c.NodeTaintsPolicy != nil && *c.NodeTaintsPolicy == v1.NodeInclusionPolicyHonor,
		})
	}
	return parsed, nil
}

// withLabelKeys narrows a selector to pods with the same values of some labels (KEP-3243). An API server may have done
// so already; twice is as good as once.
func withLabelKeys(selector labels.Selector, keys []string, podLabels labels.Set) (labels.Selector, error) {
	for _, key := range keys {
		value, ok := podLabels[key]
		if !ok {
			continue
		}
		r, err := labels.NewRequirement(key, selection.In, []string{value})
		if err != nil {
			return nil, err
		}
		selector = selector.Add(*r)
	}
	return selector, nil
}

// defaultSelector selects the pods that belong together with a pod: by the services that select it, and by its
// controller.
func (p *Plugin) defaultSelector(pod *v1.Pod) (labels.Selector, error) {
	set, err := p.serviceSelector(pod)
	if err != nil {
		return nil, err
	}
	selector := labels.NewSelector()
	if len(set) > 0 {
		selector = labels.SelectorFromSet(set)
	}
	owner := metav1.GetControllerOfNoCopy(pod)
	if owner == nil {
		return selector, nil
	}
	owned, err := p.ownerSelector(pod.Namespace, owner)
	if apierrors.IsNotFound(err) {
		return selector, nil
	}
	if err != nil {
		return nil, fmt.Errorf("get selector of %s %q: %w", owner.Kind, owner.Name, err)
	}
	requirements, _ := owned.Requirements()
	return selector.Add(requirements...), nil
}

// bySelector is the index of services by a label that the pods of each must have.
const bySelector = "selector"

func selectorKey(namespace, label, value string) string {
	return namespace + "\x00" + label + "\x00" + value
}

// selectorKeys are the index keys of a service: one, of the first label of its selector.
func selectorKeys(obj any) ([]string, error) {
	service, ok := obj.(*v1.Service)
	if !ok || len(service.Spec.Selector) == 0 {
		return nil, nil
	}
	first := slices.Min(slices.Collect(maps.Keys(service.Spec.Selector)))
	return []string{selectorKey(service.Namespace, first, service.Spec.Selector[first])}, nil
}

// serviceSelector is what the services that select a pod ask of it, all together.
func (p *Plugin) serviceSelector(pod *v1.Pod) (labels.Set, error) {
	set := labels.Set{}
	for label, value := range pod.Labels {
		services, err := p.services.ByIndex(bySelector, selectorKey(pod.Namespace, label, value))
		if err != nil {
			return nil, fmt.Errorf("list services: %w", err)
		}
		for _, obj := range services {
			service, ok := obj.(*v1.Service)
			if ok && labels.SelectorFromSet(service.Spec.Selector).Matches(labels.Set(pod.Labels)) {
				maps.Copy(set, service.Spec.Selector)
			}
		}
	}
	return set, nil
}

// ownerSelector is the selector of the kinds of controllers that make pods which spread.
func (p *Plugin) ownerSelector(namespace string, owner *metav1.OwnerReference) (labels.Selector, error) {
	switch owner.APIVersion + " " + owner.Kind {
	case "v1 ReplicationController":
		rc, err := p.controllers.ReplicationControllers(namespace).Get(owner.Name)
		if err != nil {
			return nil, err
		}
		return labels.SelectorFromSet(rc.Spec.Selector), nil
	case "apps/v1 ReplicaSet":
		rs, err := p.replicaSets.ReplicaSets(namespace).Get(owner.Name)
		if err != nil {
			return nil, err
		}
		return metav1.LabelSelectorAsSelector(rs.Spec.Selector)
	case "apps/v1 StatefulSet":
		set, err := p.statefulSets.StatefulSets(namespace).Get(owner.Name)
		if err != nil {
			return nil, err
		}
		return metav1.LabelSelectorAsSelector(set.Spec.Selector)
	default:
		return labels.NewSelector(), nil
	}
}
