package admission

import (
	"slices"
	"testing"

	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
)

// build returns a plugin at work, which waits for nothing.
func build(t *testing.T, p Plugin, in Inputs) Rules {
	t.Helper()
	rules, err := p.New(in)
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

// TestPlugins checks the list: each plugin does what it says there, and stands there once.
func TestPlugins(t *testing.T) {
	client := fake.NewClientset()
	in := Inputs{Informers: informers.NewSharedInformerFactory(client, 0), Client: client}
	registry, order, off := Plugins()
	for i, p := range plugins() {
		if order[i] != p.Name || slices.Contains(order[:i], p.Name) || slices.Contains(off, p.Name) != p.Off {
			t.Errorf("%s is not in its place: %v, off: %v", p.Name, order, off)
		}
		if p.New == nil {
			continue
		}
		rules := build(t, p, in)
		if (rules.Admit != nil) != (p.Does&mutates != 0) || (rules.Validate != nil) != (p.Does&validates != 0) || len(p.On) == 0 {
			t.Errorf("%s does not do what it is listed for", p.Name)
		}
	}
	if registered := registry.Registered(); len(registered) != len(order) {
		t.Errorf("registered are %v, listed %v", registered, order)
	}
}
