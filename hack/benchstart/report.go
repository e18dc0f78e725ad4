package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"time"
)

// median is the middle one, or of an even number the lower of the two.
func median(all []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[(len(sorted)-1)/2]
}

// spread is the median with the smallest and the largest, in seconds.
func spread(all []time.Duration) string {
	return fmt.Sprintf("%.2f (%.2f-%.2f)", median(all).Seconds(), slices.Min(all).Seconds(), slices.Max(all).Seconds())
}

func each(starts []start, of func(start) time.Duration) []time.Duration {
	var all []time.Duration
	for _, s := range starts {
		all = append(all, of(s))
	}
	return all
}

// printStarts prints two tables: what one waits for, and the steps.
func printStarts(out io.Writer, fresh, again []start) {
	if len(fresh) == 0 {
		return
	}
	fmt.Fprintf(out, "Seconds from `proa up`: median of %d (smallest-largest)\n\n", len(fresh))
	fmt.Fprintln(out, "| until | from nothing | with data |\n|---|---|---|")
	for _, line := range []struct {
		name string
		of   func(start) time.Duration
	}{
		{"API ready", func(s start) time.Duration { return s.api }},
		{"node Ready", func(s start) time.Duration { return s.node }},
		{"first pod Running", func(s start) time.Duration { return s.pod }},
		{"cluster DNS answers, `proa up` returns", func(s start) time.Duration { return s.up }},
	} {
		fmt.Fprintf(out, "| %s | %s | %s |\n", line.name, spread(each(fresh, line.of)), spread(each(again, line.of)))
	}
	fmt.Fprintln(out, "\nSeconds of each step, which run at the same time where they can: median\n\n| step | from nothing | with data |\n|---|---|---|")
	for _, step := range slices.Sorted(maps.Keys(fresh[0].steps)) {
		of := func(s start) time.Duration { return s.steps[step] }
		fmt.Fprintf(out, "| %s | %.3f | %.3f |\n", step, median(each(fresh, of)).Seconds(), median(each(again, of)).Seconds())
	}
}

// printIdle prints a table with a line for each program and one for all.
func printIdle(out io.Writer, rows []row, o options) {
	fmt.Fprintf(out, "\nIdle: after %v, measured for %v\n\n", o.idle, o.window)
	fmt.Fprintln(out, "| program | processes | PSS MiB | of it anonymous | RSS MiB | CPU, % of a core | written KiB/min | read KiB/min |")
	fmt.Fprintln(out, "|---|---|---|---|---|---|---|---|")
	total := row{cost: cost{name: "**all**"}}
	for _, r := range rows {
		printRow(out, r, o.window)
		total.count += r.count
		total.pss, total.anonymous, total.rss = total.pss+r.pss, total.anonymous+r.anonymous, total.rss+r.rss
		total.cpu, total.read, total.written = total.cpu+r.cpu, total.read+r.read, total.written+r.written
	}
	printRow(out, total, o.window)
}

func printRow(out io.Writer, r row, window time.Duration) {
	mib := func(n int64) float64 { return float64(n) / (1 << 20) }
	perMinute := func(n int64) float64 { return float64(n) / (1 << 10) / window.Minutes() }
	fmt.Fprintf(out, "| %s | %d | %.1f | %.1f | %.1f | %.2f | %.0f | %.0f |\n", r.name, r.count, mib(r.pss), mib(r.anonymous), mib(r.rss),
		100*r.cpu.Seconds()/window.Seconds(), perMinute(r.written), perMinute(r.read))
}
