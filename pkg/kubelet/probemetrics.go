package kubelet

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	v1 "k8s.io/api/core/v1"

	"github.com/proa-sh/proa/pkg/kubelet/podstate"
	"github.com/proa-sh/proa/pkg/kubelet/probes"
)

// probeMetrics are shown at /metrics/probes, under the names that upstream's kubelet has for them. There are series for the pods
// that are probed now.
type probeMetrics struct {
	registry *prometheus.Registry
	total    *prometheus.CounterVec
	took     *prometheus.HistogramVec
}

func newProbeMetrics() *probeMetrics {
	whose := []string{"probe_type", "container", "pod", "namespace"}
	m := &probeMetrics{
		registry: prometheus.NewRegistry(),
		total: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "prober_probe_total", Help: "Cumulative number of a liveness, readiness or startup probe for a container by result.",
		}, append([]string{"result", "pod_uid"}, whose...)),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "prober_probe_duration_seconds", Help: "Duration in seconds for a probe response.",
		}, whose),
	}
	m.registry.MustRegister(m.total, m.took)
	return m
}

// observe counts one probe.
func (m *probeMetrics) observe(pod *v1.Pod, container string, kind podstate.ProbeKind, verdict probes.Verdict, took time.Duration) {
	result := "unknown"
	switch verdict {
	case probes.Success, probes.Warning:
		result = "successful"
	case probes.Failure:
		result = "failed"
	}
	m.total.WithLabelValues(result, string(pod.UID), string(kind), container, pod.Name, pod.Namespace).Inc()
	m.took.WithLabelValues(string(kind), container, pod.Name, pod.Namespace).Observe(took.Seconds())
}

// forget drops the series of a pod that is no longer probed.
func (m *probeMetrics) forget(pod *v1.Pod) {
	m.total.DeletePartialMatch(prometheus.Labels{"pod_uid": string(pod.UID)})
	m.took.DeletePartialMatch(prometheus.Labels{"pod": pod.Name, "namespace": pod.Namespace})
}
