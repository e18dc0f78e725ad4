package main

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/proa-sh/proa/pkg/cluster/process"
)

func TestMedian(t *testing.T) {
	for _, test := range []struct {
		all  []time.Duration
		want time.Duration
	}{
		{[]time.Duration{3}, 3},
		{[]time.Duration{9, 1, 5}, 5},
		{[]time.Duration{4, 1, 9, 2}, 2},
	} {
		if got := median(test.all); got != test.want {
			t.Errorf("median of %v: %d, want %d", test.all, got, test.want)
		}
	}
}

func TestStartTables(t *testing.T) {
	fresh := []start{
		{api: time.Second, node: 2 * time.Second, pod: 3 * time.Second, up: 4 * time.Second, steps: map[string]time.Duration{"etcd": 250 * time.Millisecond}},
		{api: 2 * time.Second, node: 3 * time.Second, pod: 4 * time.Second, up: 5 * time.Second, steps: map[string]time.Duration{"etcd": 350 * time.Millisecond}},
		{api: 3 * time.Second, node: 4 * time.Second, pod: 5 * time.Second, up: 6 * time.Second, steps: map[string]time.Duration{"etcd": 150 * time.Millisecond}},
	}
	var out strings.Builder
	printStarts(&out, fresh, fresh[:1])
	want := "Seconds from `proa up`: median of 3 (smallest-largest)\n" + `
| until | from nothing | with data |
|---|---|---|
| API ready | 2.00 (1.00-3.00) | 1.00 (1.00-1.00) |
| node Ready | 3.00 (2.00-4.00) | 2.00 (2.00-2.00) |
| first pod Running | 4.00 (3.00-5.00) | 3.00 (3.00-3.00) |
` + "| cluster DNS answers, `proa up` returns | 5.00 (4.00-6.00) | 4.00 (4.00-4.00) |\n" + `
Seconds of each step, which run at the same time where they can: median

| step | from nothing | with data |
|---|---|---|
| etcd | 0.250 | 0.250 |
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

func TestIdleTable(t *testing.T) {
	shim, other, server := process.Process{Pid: 1}, process.Process{Pid: 2}, process.Process{Pid: 3}
	before := map[process.Process]cost{
		shim: {name: "shim", cpu: time.Second}, other: {name: "shim"}, server: {name: "proa", written: 1 << 20, cpu: 10 * time.Second},
	}
	after := map[process.Process]cost{
		shim: {name: "shim", pss: 2 << 20, cpu: 2 * time.Second}, other: {name: "shim", pss: 3 << 20, rss: 4 << 20},
		server: {name: "proa", pss: 100 << 20, anonymous: 60 << 20, rss: 150 << 20, written: 3 << 20, read: 1 << 10, cpu: 11 * time.Second},
	}
	var out strings.Builder
	printIdle(&out, sum(before, after), options{idle: time.Minute, window: 2 * time.Minute})
	want := `
Idle: after 1m0s, measured for 2m0s

| program | processes | PSS MiB | of it anonymous | RSS MiB | CPU, % of a core | written KiB/min | read KiB/min |
|---|---|---|---|---|---|---|---|
| proa | 1 | 100.0 | 60.0 | 150.0 | 0.83 | 1024 | 0 |
| shim | 2 | 5.0 | 0.0 | 4.0 | 0.83 | 0 | 0 |
| **all** | 3 | 105.0 | 60.0 | 154.0 | 1.67 | 1024 | 0 |
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

func TestReadingProc(t *testing.T) {
	got := keys("00400000-7ffe [rollup]\nRss:   5 kB\nPss: 3 kB\nPss_Anon:  2 kB\nname: proa\nwrite_bytes: 4096\n")
	if diff := cmp.Diff(map[string]int64{"Rss": 5, "Pss": 3, "Pss_Anon": 2, "write_bytes": 4096}, got); diff != "" {
		t.Error(diff)
	}
	cpu, err := cpuTime("7 (a (b) c) S 1 7 7 0 -1 4194560 1 2 3 4 12 30 0 0 20 0 9 0 100 1 1")
	if err != nil || cpu != 420*time.Millisecond {
		t.Errorf("time %v, %v", cpu, err)
	}
	if _, err := cpuTime("7 (a) S 1"); err == nil {
		t.Error("a torn line is read")
	}
	self, err := process.Lookup(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if c, err := measure(self); err != nil || c.rss == 0 {
		t.Errorf("this process: %+v, %v", c, err)
	}
}
