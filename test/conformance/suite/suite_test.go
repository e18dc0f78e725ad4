package suite

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	pods    = "[sig-node] Pods should run [Conformance]"
	pods2   = "[sig-node] Pods should run twice [Serial] [Conformance]"
	volumes = "[sig-storage] Volumes should mount [Conformance]"
)

func TestParseList(t *testing.T) {
	text := "The following spec names can be used:\n" +
		"    k8s.io/kubernetes/test/e2e/x.go:12: " + volumes + "\n" +
		"    k8s.io/kubernetes/test/e2e/x.go:12: " + pods + "\n" +
		"    k8s.io/kubernetes/test/e2e/x.go:13: " + pods + "\n" +
		"    k8s.io/kubernetes/test/e2e/y.go:1: [sig-node] Pods might run\n"
	if diff := cmp.Diff([]string{pods, volumes}, parseList(text, false)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"[sig-node] Pods might run", pods, volumes}, parseList(text, true)); diff != "" {
		t.Error(diff)
	}
}

func TestSelection(t *testing.T) {
	all := []string{pods, pods2, volumes}
	for _, test := range []struct {
		selection Selection
		want      []string
		err       string
	}{
		{selection: Selection{}, want: all},
		{selection: Selection{SIG: "node"}, want: []string{pods, pods2}},
		{selection: Selection{SIG: "node", Focus: "twice|mount"}, want: []string{pods2}},
		{selection: Selection{Names: []string{volumes}}, want: []string{volumes}},
		{selection: Selection{Names: []string{volumes}, SIG: "node"}, err: "none of 3 matches"},
		{selection: Selection{Names: []string{"[sig-node] gone"}}, err: `there is no "[sig-node] gone"`},
		{selection: Selection{Focus: "("}, err: "read focus"},
	} {
		got, err := test.selection.Of(all)
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%+v:\n%s", test.selection, diff)
		}
		if (err != nil) != (test.err != "") || err != nil && !strings.Contains(err.Error(), test.err) {
			t.Errorf("%+v: error %v, want %q", test.selection, err, test.err)
		}
	}
	parallel, serial := Split(all)
	if diff := cmp.Diff([][]string{{pods, volumes}, {pods2}}, [][]string{parallel, serial}); diff != "" {
		t.Error(diff)
	}
}

// TestArgs checks that ginkgo is asked for just the specs of a part.
func TestArgs(t *testing.T) {
	for _, test := range []struct {
		specs, all []string
		want       []string
	}{
		{specs: []string{pods, volumes}, all: []string{pods, volumes}, want: []string{`--focus=\[Conformance\]`, `--skip=\[Serial\]`}},
		{specs: []string{pods2}, all: []string{pods2}, want: []string{`--focus=\[Serial\].*\[Conformance\]`}},
		{specs: []string{pods}, all: []string{pods, volumes}, want: []string{`--focus=\[sig-node\] Pods should run \[Conformance\]$`}},
	} {
		var got []string
		for _, arg := range (Part{Specs: test.specs, All: test.all}).args(Programs{}) {
			if strings.HasPrefix(arg, "--focus") || strings.HasPrefix(arg, "--skip") {
				got = append(got, arg)
			}
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Error(diff)
		}
	}
}

// TestWatcher feeds ginkgo's output in pieces of every size.
func TestWatcher(t *testing.T) {
	line := strings.Repeat("-", 30) + "\n"
	output := line + "• [4.123 seconds]\n" + pods + " [sig-node, Conformance]\nx.go:1\n  • [9 seconds] inside\n" +
		line + "• [FAILED] [0.5 seconds]\n[sig-storage] Volumes [It] should mount [Conformance] [sig-storage]\n[FAILED] in [It] - x.go:2\n[FAILED] it broke\n" +
		line + pods2 + " [sig-node]\nx.go:1\n" + "[sig-node] says something\n• [1.000 seconds]\n" + line + pods + "\n"
	want := []string{"  1/3 passed    4.123s  " + pods, "  2/3 failed      0.5s  " + volumes, strings.Repeat(" ", 20) + "it broke", "  3/3 passed    1.000s  " + pods2}
	for size := 1; size < len(output); size += 7 {
		var got []string
		w := &watcher{total: 3, report: func(line string) { got = append(got, line) }}
		for rest := output; rest != ""; rest = rest[min(size, len(rest)):] {
			if _, err := fmt.Fprint(w, rest[:min(size, len(rest))]); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("in pieces of %d bytes:\n%s", size, diff)
		}
	}
}
