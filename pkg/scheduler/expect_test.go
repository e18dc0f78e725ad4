package scheduler

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/kube-scheduler/framework"

	"github.com/proa-sh/proa/pkg/scheduler/config"
	"github.com/proa-sh/proa/pkg/scheduler/profile"
)

// slow has something to do for pods with the label "slow" before they are bound, which ends when somebody says how.
type slow struct{ ends chan *framework.Status }

func (slow) Name() string { return "Slow" }

func (slow) PreBindPreFlight(_ context.Context, _ framework.CycleState, pod *v1.Pod, _ string) (*framework.PreBindPreFlightResult, *framework.Status) {
	if pod.Labels["slow"] == "" {
		return nil, framework.NewStatus(framework.Skip)
	}
	return nil, nil
}

func (s slow) PreBind(context.Context, framework.CycleState, *v1.Pod, string) *framework.Status {
	return <-s.ends
}

// TestSchedulerExpects: where a pod is going to run stands in its status before what takes long, and the pod is counted once.
func TestSchedulerExpects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg, err := config.Load([]byte(`
apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
profiles:
- plugins: {preBind: {enabled: [{name: Slow}]}}
`))
		if err != nil {
			t.Fatal(err)
		}
		plugin := slow{make(chan *framework.Status)}
		c := prepare(t, newNode("n", "4"))
		c.factories = map[string]profile.Factory{"Slow": func(context.Context, runtime.Object, framework.Handle) (framework.Plugin, error) { return plugin, nil }}
		c.run(cfg)
		check := func(when string, want ...string) {
			t.Helper()
			synctest.Wait()
			var got []string
			for _, name := range []string{"p", "q"} {
				pod := c.pod(name)
				got = append(got, name+" on "+pod.Spec.NodeName+", expected on "+pod.Status.NominatedNodeName)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", when, diff)
			}
		}
		c.create(newPod("p", "2", func(p *v1.Pod) { p.Labels = map[string]string{"slow": "yes"} }))
		synctest.Wait()
		c.create(newPod("q", "2"))
		check("while it is slow", "p on , expected on n", "q on n, expected on ")
		plugin.ends <- framework.NewStatus(framework.Error, "no")
		check("after it failed", "p on , expected on n", "q on n, expected on ")
		pass(time.Minute) // it is tried again
		plugin.ends <- nil
		check("in the end", "p on n, expected on n", "q on n, expected on ")
	})
}
