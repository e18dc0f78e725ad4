package control_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/proa-sh/proa/pkg/controllers/control"
	"github.com/proa-sh/proa/pkg/controllers/control/controltest"
)

// counter is a controller that adds one to a config map's data as long as there are less than five, and fails in
// between. It would count wrongly if it ever saw the map older than its own last write.
type counter struct {
	control.Dependencies
	mu   sync.Mutex
	seen []string // guarded by mu
}

func (c *counter) build(d control.Dependencies) (control.Controller, error) {
	c.Dependencies = d
	configs := d.Informers.Core().V1().ConfigMaps()
	return control.NewLoop(control.Spec{
		Name: "counter", Workers: 3,
		Reconcile: func(ctx context.Context, key control.Key) (control.Result, error) {
			config, err := configs.Lister().ConfigMaps(key.Namespace).Get(key.Name)
			if err != nil {
				return control.Result{}, err
			}
			c.mu.Lock()
			c.seen = append(c.seen, config.Data["n"])
			c.mu.Unlock()
			if len(config.Data["n"]) == 5 {
				return control.Result{}, nil
			}
			config = config.DeepCopy()
			config.Data["n"] += "x"
			if _, err := control.Update(ctx, d.Client.CoreV1().ConfigMaps(key.Namespace), config); err != nil {
				return control.Result{}, err
			}
			return control.Result{}, errors.New("something after the write")
		},
		Watches: []source.Source{control.Watch(configs.Informer(), func(_, now *v1.ConfigMap) []control.Key {
			return []control.Key{control.KeyOf(now.Namespace, now.Name)}
		})},
		Writes: []control.Written{control.Shows[v1.ConfigMap](configs.Informer())},
	}), nil
}

func TestLoopReadsItsWrites(t *testing.T) {
	config := &v1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "n"}, Data: map[string]string{"n": ""}}
	s := controltest.NewServer(t, config)
	conflicts := 0
	s.Fail(func(r controltest.Request) error { // the first writes meet conflicts
		if r.Verb == "update" && conflicts < 2 {
			conflicts++
			return apierrors.NewConflict(schema.GroupResource{Resource: "configmaps"}, "n", errors.New("changed"))
		}
		return nil
	})
	c := &counter{}
	controltest.Run(t, s, c.build)
	value := func() string {
		return controltest.List[v1.ConfigMap](t, s, "", "configmaps", "default")[0].Data["n"]
	}
	s.Wait(t, "it has counted to five", func() bool { return value() == "xxxxx" })
	if n := s.Count("update configmaps"); n != 7 {
		t.Errorf("%d updates, want 5 and 2 that met conflicts", n)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := 1; i < len(c.seen); i++ {
		if len(c.seen[i]) < len(c.seen[i-1]) {
			t.Errorf("saw %q after %q", c.seen[i], c.seen[i-1])
		}
	}
}
