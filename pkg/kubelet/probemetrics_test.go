package kubelet

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/proa-sh/proa/pkg/kubelet/podstate"
	"github.com/proa-sh/proa/pkg/kubelet/probes"
)

func TestProbeMetrics(t *testing.T) {
	m := newProbeMetrics()
	shown := func() []string {
		t.Helper()
		families, err := m.registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		var lines []string
		for _, f := range families {
			for _, metric := range f.Metric {
				line := f.GetName()
				for _, label := range metric.Label {
					line += " " + label.GetName() + "=" + label.GetValue()
				}
				lines = append(lines, fmt.Sprintf("%s: %v", line, metric.GetCounter().GetValue()+float64(metric.GetHistogram().GetSampleCount())))
			}
		}
		return lines
	}
	pod := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p", Namespace: "ns", UID: "u"}}
	for _, v := range []probes.Verdict{probes.Success, probes.Warning, probes.Failure, probes.Unknown} {
		m.observe(pod, "c", podstate.Liveness, v, time.Second)
	}
	want := []string{
		"prober_probe_duration_seconds container=c namespace=ns pod=p probe_type=Liveness: 4",
		"prober_probe_total container=c namespace=ns pod=p pod_uid=u probe_type=Liveness result=failed: 1",
		"prober_probe_total container=c namespace=ns pod=p pod_uid=u probe_type=Liveness result=successful: 2",
		"prober_probe_total container=c namespace=ns pod=p pod_uid=u probe_type=Liveness result=unknown: 1",
	}
	if diff := cmp.Diff(want, shown()); diff != "" {
		t.Errorf("metrics (-want +got):\n%s", diff)
	}
	m.forget(pod)
	if left := shown(); len(left) > 0 {
		t.Errorf("left of a pod that is no longer probed: %v", left)
	}
}
