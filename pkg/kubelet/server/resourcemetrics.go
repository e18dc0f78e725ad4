package server

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/klog/v2"
	statsapi "k8s.io/kubelet/pkg/apis/stats/v1alpha1"
)

// serveResourceMetrics answers with the use of CPU and memory as metrics, which the metrics server reads (KEP-727).
func (s *Server) serveResourceMetrics(w http.ResponseWriter, r *http.Request) {
	failed := 0.0
	summary, err := s.summary(r.Context(), true)
	if err != nil {
		klog.FromContext(r.Context()).Error(err, "Gathering statistics for metrics failed")
		summary, failed = &statsapi.Summary{}, 1
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(resourceCollector{summary: summary, failed: failed})
	serveGatherer(registry)(w, r)
}

// resourceCollector turns one summary into metrics with the times at which they were measured.
type resourceCollector struct {
	summary *statsapi.Summary
	failed  float64
}

// resourceMetric is one of the published metrics.
type resourceMetric struct {
	name, help string
	labels     []string
	kind       prometheus.ValueType
}

func (m resourceMetric) send(out chan<- prometheus.Metric, at time.Time, value float64, labels ...string) {
	metric := prometheus.MustNewConstMetric(prometheus.NewDesc(m.name, m.help, m.labels, nil), m.kind, value, labels...)
	if !at.IsZero() {
		metric = prometheus.NewMetricWithTimestamp(at, metric)
	}
	out <- metric
}

// level names the metrics of node, pods and containers.
type level struct {
	prefix, subject string
	labels          []string
}

func nodeLevel() level { return level{"node", "node", nil} }
func podLevel() level  { return level{"pod", "pod", []string{"pod", "namespace"}} }
func containerLevel() level {
	return level{"container", "container", []string{"container", "pod", "namespace"}}
}

func (l level) send(out chan<- prometheus.Metric, cpu *statsapi.CPUStats, memory *statsapi.MemoryStats, swap *statsapi.SwapStats, labels ...string) {
	if cpu != nil && cpu.UsageCoreNanoSeconds != nil {
		resourceMetric{l.prefix + "_cpu_usage_seconds_total", "Cumulative cpu time consumed by the " + l.subject + " in core-seconds", l.labels, prometheus.CounterValue}.
			send(out, cpu.Time.Time, float64(*cpu.UsageCoreNanoSeconds)/float64(time.Second), labels...)
	}
	if memory != nil && memory.WorkingSetBytes != nil {
		resourceMetric{l.prefix + "_memory_working_set_bytes", "Current working set of the " + l.subject + " in bytes", l.labels, prometheus.GaugeValue}.
			send(out, memory.Time.Time, float64(*memory.WorkingSetBytes), labels...)
	}
	if swap != nil && swap.SwapUsageBytes != nil {
		resourceMetric{l.prefix + "_swap_usage_bytes", "Current amount of the " + l.subject + " swap usage in bytes", l.labels, prometheus.GaugeValue}.
			send(out, swap.Time.Time, float64(*swap.SwapUsageBytes), labels...)
	}
}

func isMeasured(cpu *statsapi.CPUStats, memory *statsapi.MemoryStats) bool {
	return cpu != nil && cpu.UsageCoreNanoSeconds != nil && memory != nil && memory.WorkingSetBytes != nil
}

// Describe implements prometheus.Collector; which metrics there are depends on what could be measured, so it names none.
func (resourceCollector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c resourceCollector) Collect(out chan<- prometheus.Metric) {
	node := c.summary.Node
	nodeLevel().send(out, node.CPU, node.Memory, node.Swap)
	seen := map[statsapi.PodReference]bool{}
	for i := range c.summary.Pods {
		pod := &c.summary.Pods[i]
		// Two pods of one name, of which one is going, must not make metrics with the same labels: that spoils them all.
		name := statsapi.PodReference{Name: pod.PodRef.Name, Namespace: pod.PodRef.Namespace}
		if seen[name] || !isMeasured(pod.CPU, pod.Memory) {
			continue
		}
		seen[name] = true
		podLevel().send(out, pod.CPU, pod.Memory, pod.Swap, pod.PodRef.Name, pod.PodRef.Namespace)
		containers := map[string]bool{}
		for j := range pod.Containers {
			container := &pod.Containers[j]
			// One that has ended uses nothing; named without its use it would make readers drop the whole pod.
			if containers[container.Name] || !isMeasured(container.CPU, container.Memory) {
				continue
			}
			containers[container.Name] = true
			labels := []string{container.Name, pod.PodRef.Name, pod.PodRef.Namespace}
			containerLevel().send(out, container.CPU, container.Memory, container.Swap, labels...)
			if !container.StartTime.IsZero() {
				resourceMetric{"container_start_time_seconds", "Start time of the container since unix epoch in seconds", containerLevel().labels, prometheus.GaugeValue}.
					send(out, time.Time{}, float64(container.StartTime.UnixNano())/float64(time.Second), labels...)
			}
		}
	}
	resourceMetric{"resource_scrape_error", "1 if there was an error while getting container metrics, 0 otherwise", nil, prometheus.GaugeValue}.
		send(out, time.Time{}, c.failed)
}
