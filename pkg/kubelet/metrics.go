package kubelet

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/proa-sh/proa/pkg/kubelet/podstate"
	"github.com/proa-sh/proa/pkg/kubelet/worker"
)

// newMetrics are shown at /metrics, under the names that upstream's kubelet has for them.
func newMetrics(nodeName string, registry *worker.Registry) prometheus.Gatherer {
	shown := prometheus.NewRegistry()
	shown.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), podCollector{
		registry: registry,
		node: prometheus.NewDesc("kubelet_node_name", "The node's name. The count is always 1.",
			nil, prometheus.Labels{"node": nodeName}),
		pods:       prometheus.NewDesc("kubelet_running_pods", "Number of pods that have a running pod sandbox", nil, nil),
		containers: prometheus.NewDesc("kubelet_running_containers", "Number of containers currently running", []string{"container_state"}, nil),
	})
	return shown
}

// podCollector counts what the runtime showed when each pod was looked at last.
type podCollector struct {
	registry               *worker.Registry
	node, pods, containers *prometheus.Desc
}

// Describe implements prometheus.Collector.
func (c podCollector) Describe(out chan<- *prometheus.Desc) {
	out <- c.node
	out <- c.pods
	out <- c.containers
}

// Collect implements prometheus.Collector.
func (c podCollector) Collect(out chan<- prometheus.Metric) {
	gauge := func(desc *prometheus.Desc, value int, labels ...string) {
		out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, float64(value), labels...)
	}
	pods, containers := 0, map[podstate.Phase]int{}
	for _, s := range c.registry.Snapshots() {
		if s.Observed.ReadySandbox() != nil {
			pods++
		}
		for _, one := range s.Observed.Containers {
			containers[one.Phase]++
		}
	}
	gauge(c.node, 1)
	gauge(c.pods, pods)
	for _, phase := range []podstate.Phase{podstate.Created, podstate.Running, podstate.Exited, podstate.Unknown} {
		gauge(c.containers, containers[phase], string(phase))
	}
}
