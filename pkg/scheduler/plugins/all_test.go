package plugins

import (
	"context"
	"testing"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/google/go-cmp/cmp"
	"github.com/proa-sh/proa/pkg/scheduler/cache"
	"github.com/proa-sh/proa/pkg/scheduler/config"
	"github.com/proa-sh/proa/pkg/scheduler/profile"
	"github.com/proa-sh/proa/pkg/scheduler/queue"
)

// TestDefaults makes the default profile: each plugin exists, takes its default arguments, bears its name, and says by
// which events pods that it turns down are to be tried again.
func TestDefaults(t *testing.T) {
	ctx := context.Background()
	cfg := config.New()
	client := fake.NewClientset()
	p, err := profile.New(ctx, profile.Config{
		Name: v1.DefaultSchedulerName, Settings: config.NewSettings(Defaults(), nil), Factories: Factories(), Parallelism: 1,
		Args:     func(plugin string) (runtime.Object, error) { return config.Args(&cfg.Profiles[0], plugin) },
		Snapshot: cache.NewSnapshot(), Nominator: queue.NewNominator(), Waiting: profile.NewWaiting(),
		Client: client, Informers: informers.NewSharedInformerFactory(client, 0),
	})
	if err != nil {
		t.Fatal(err)
	}
	hints, err := p.Hints(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var unlisted []string
	for name := range Factories() {
		if _, ok := hints[name]; !ok {
			unlisted = append(unlisted, name)
		}
		if events := hints[name]; len(events) == 0 {
			t.Errorf("plugin %s asks for no events", name)
		}
	}
	if diff := cmp.Diff([]string(nil), unlisted); diff != "" {
		t.Errorf("plugins that profiles do not run by default (-want +got):\n%s", diff)
	}
}
