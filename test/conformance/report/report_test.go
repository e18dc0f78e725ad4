package report

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	good   = "[sig-node] Pods should run [Conformance]"
	bad    = "[sig-storage] Volumes should mount [Conformance]"
	absent = "[sig-node] Pods should end [Conformance]"
)

const junit = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites tests="4"><testsuite name="suite" tests="4">
<testcase name="[SynchronizedBeforeSuite]" status="passed" time="1.5"></testcase>
<testcase name="[It] [sig-node] Pods should run [Conformance]" status="passed" time="2.5"></testcase>
<testcase name="[It] [sig-apps] Not selected" status="skipped" time="0"><skipped message="skipped"></skipped></testcase>
<testcase name="[It] [sig-storage] Volumes should mount [Conformance]" status="failed" time="4">
<failure type="failed">[FAILED] Unexpected error:
    &lt;*errors.StatusError | 0xc000f1e280&gt;: 
    the server could not find the requested resource
    {
In [It] at: k8s.io/kubernetes/test/e2e/x.go:12 @ 11/27/26 19:00:00.000
</failure><system-err>a long story</system-err></testcase>
<testcase name="[ReportAfterSuite] report" status="panicked" time="0"><error type="panicked">[PANICKED] Test Panicked
In [ReportAfterSuite] at: x</error></testcase>
</testsuite></testsuites>`

func sample(t *testing.T) Run {
	t.Helper()
	file := filepath.Join(t.TempDir(), "junit.xml")
	if err := os.WriteFile(file, []byte(junit), 0o644); err != nil {
		t.Fatal(err)
	}
	results, err := ReadJUnit(file)
	if err != nil {
		t.Fatal(err)
	}
	return Run{Wall: map[string]float64{"serial": 3, "parallel": 9}, Commit: "abc", Machine: "box", Nodes: 3, Procs: 8, Results: Complete(results, []string{good, absent})}
}

func TestReadJUnit(t *testing.T) {
	want := []Result{
		{Name: good, Passed: true, Seconds: 2.5},
		{Name: bad, Seconds: 4, Failure: "the server could not find the requested resource"},
		{Name: "[ReportAfterSuite] report", Failure: "Test Panicked"},
		{Name: absent, Failure: "it did not run, or not to its end"},
	}
	run := sample(t)
	if diff := cmp.Diff(want, run.Results); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{bad, absent}, run.FailedSpecs()); diff != "" {
		t.Error(diff)
	}
}

func TestTable(t *testing.T) {
	run := sample(t)
	run.Results = run.Results[:2]
	var out bytes.Buffer
	run.Table(&out)
	run.Failures(&out)
	want := "      SIG  passed  failed  seconds\n" +
		"     node       1       0        2\n" +
		"  storage       0       1        4\n" +
		"      all       1       1        6\n" +
		bad + " (4 s)\n    the server could not find the requested resource\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
	if got, want := run.Walls(), "1 of 2 passed, parallel part 9 s, serial part 3 s"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestCompare(t *testing.T) {
	got := Compare(map[string]float64{"fast": 0.1, "slow": 9, "new": 1, "same": 5}, map[string]float64{"fast": 0.01, "slow": 1, "same": 5, "gone": 2})
	want := []Pair{{"slow", 9, 1}, {"fast", 0.1, 0.01}, {"same", 5, 5}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if times, err := ReadTimes("../testdata/times-upstream.tsv"); err != nil || len(times) != 446 {
		t.Errorf("upstream has times of %d specs, %v", len(times), err)
	}
}

func TestRunIsKept(t *testing.T) {
	results := t.TempDir()
	for i, dir := range []string{"20260102-000000", "20260101-000000"} {
		if err := os.Mkdir(filepath.Join(results, dir), 0o755); err != nil {
			t.Fatal(err)
		}
		run := sample(t)
		run.Nodes, run.Full = i, i == 1
		if err := run.Write(filepath.Join(results, dir)); err != nil {
			t.Fatal(err)
		}
	}
	var nodes []int
	runs, err := All(results, func(Run) bool { return true })
	for _, run := range runs {
		nodes = append(nodes, run.Nodes)
	}
	if diff := cmp.Diff([]int{0, 1}, nodes); diff != "" || err != nil {
		t.Errorf("%v, or not the newest first:\n%s", err, diff)
	}
	full, err := All(results, func(r Run) bool { return r.Full })
	if err != nil || len(full) != 1 || full[0].Nodes != 1 {
		t.Errorf("the full runs are %+v, %v", full, err)
	}
	if _, err := All(results, func(Run) bool { return false }); err == nil {
		t.Error("a run was found that does not match")
	}
}

func TestChangesAndStable(t *testing.T) {
	before := Run{Results: []Result{{Name: good, Passed: true}, {Name: bad}, {Name: absent, Passed: true}}}
	other := Run{Results: []Result{{Name: good}, {Name: bad, Passed: true}, {Name: absent, Passed: true}, {Name: "new"}}}
	var out bytes.Buffer
	WriteChanges(&out, other, before)
	if diff := cmp.Diff("fails now:  "+good+"\npasses now: "+bad+"\n", out.String()); diff != "" {
		t.Error(diff)
	}
	times := map[string]float64{good: 1, bad: 1, absent: 1}
	if diff := cmp.Diff([]string{absent}, Stable([]Run{before, other}, times, 1)); diff != "" {
		t.Error(diff)
	}
	if got := Stable([]Run{before}, times, 0.5); got != nil {
		t.Errorf("%v took longer", got)
	}
}

func TestREADME(t *testing.T) {
	other := Run{Upstream: []string{"kubelet"}, Results: []Result{{Name: "[sig-a] good", Passed: true}}}
	text, err := replaceResult("before\n"+begin+"old\n"+end+"after\n", []Run{sample(t), other})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"before\n" + begin, "1 of 4 passed", "Commit abc; 3 node(s); 8 processes; box", bad, "upstream's kubelet: 1 of 1 passed", end + "after\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	if strings.Contains(text, "old") {
		t.Error("the old result is still there")
	}
	if _, err := replaceResult("nothing", []Run{{}}); err == nil {
		t.Error("a text without the place for it was taken")
	}
}
