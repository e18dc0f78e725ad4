package apidef

import (
	"fmt"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// A Group is an API group and the resources that are declared in it.
type Group struct {
	Name string // "" is the core group
	// Versions that are served, the preferred one first.
	Versions []string
	// AddToScheme is the generated registration of all versions' types.
	AddToScheme []func(*runtime.Scheme) error
	// Resources whose hub version is in this group.
	Resources []Definition
}

// GroupVersions returns the served versions, the preferred one first.
func (g Group) GroupVersions() []schema.GroupVersion {
	out := make([]schema.GroupVersion, 0, len(g.Versions))
	for _, v := range g.Versions {
		out = append(out, schema.GroupVersion{Group: g.Name, Version: v})
	}
	return out
}

// Register adds the groups' types, defaults and conversions to s. Types of all groups come first, since a resource may
// have a spoke in another group.
func Register(s *runtime.Scheme, groups []Group) error {
	for _, g := range groups {
		for _, add := range g.AddToScheme {
			if err := add(s); err != nil {
				return fmt.Errorf("register API group %q: %w", g.Name, err)
			}
		}
		if err := s.SetVersionPriority(g.GroupVersions()...); err != nil {
			return fmt.Errorf("order versions of API group %q: %w", g.Name, err)
		}
	}
	for _, g := range groups {
		for _, r := range g.Resources {
			if err := r.AddToScheme(s); err != nil {
				return fmt.Errorf("register resource %s: %w", r.Names().Resource(), err)
			}
		}
	}
	for _, g := range groups {
		for _, v := range g.GroupVersions() {
			if err := addRemaining(s, v); err != nil {
				return fmt.Errorf("register %s: %w", v, err)
			}
		}
	}
	return nil
}
