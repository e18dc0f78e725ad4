package crash

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/pprof"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const self = "github.com/proa-sh/proa/pkg/cluster/crash"

func parts() Parts {
	return Parts{Packages: map[string]string{self: "crasher", self + "/other": "other"}, Label: "which", Labelled: "crasher"}
}

// TestMain is also the program that falls.
func TestMain(m *testing.M) {
	dir := os.Getenv("PROA_TEST_CRASH_DIR")
	if dir == "" {
		os.Exit(m.Run())
	}
	if err := New(dir, parts()).Watch(); err != nil {
		panic(err)
	}
	go fall(os.Getenv("PROA_TEST_CRASH_HOW"))
	select {}
}

func fall(how string) {
	var empty []int
	switch how {
	case "index":
		_ = empty[len(how)]
	case "concurrent":
		m := map[int]int{}
		for range 4 {
			go func() {
				for {
					m[1]++
				}
			}()
		}
	case "stack":
		fall(how)
	case "labelled": // in a goroutine that one of many has started
		pprof.Do(context.Background(), pprof.Labels("which", "the second", "zone", "x"), func(context.Context) {
			go fall("index")
			select {}
		})
	}
}

func TestFalls(t *testing.T) {
	for _, test := range []struct{ how, message, part string }{
		{"index", "panic: runtime error: index out of range [5] with length 0", "crasher"},
		{"concurrent", fatal, "crasher"},
		{"stack", fatal, "crasher"},
		{"labelled", "panic: runtime error: index out of range [5] with length 0", "crasher/the second"},
	} {
		t.Run(test.how, func(t *testing.T) {
			dir := t.TempDir()
			cmd := exec.Command("/proc/self/exe")
			cmd.Env = append(os.Environ(), "PROA_TEST_CRASH_DIR="+dir, "PROA_TEST_CRASH_HOW="+test.how)
			if out, err := cmd.CombinedOutput(); err == nil {
				t.Fatalf("it did not fall: %s", out)
			}
			book := New(dir, parts())
			row, err := book.Collect("exit status 2", time.Second, time.Unix(1, 0))
			if err != nil || len(row) != 1 {
				t.Fatalf("%v, %v", row, err)
			}
			if r := row[0]; r.Part != test.part || !strings.HasPrefix(r.Message, test.message) || !strings.Contains(r.Stack, self+".fall") {
				t.Errorf("record: %+v", r)
			}
			// It is taken up once.
			if row, err = book.Collect("", 0, time.Unix(2, 0)); err != nil || len(row) != 1 {
				t.Errorf("again: %v, %v", row, err)
			}
		})
	}
}

func TestHistory(t *testing.T) {
	book := New(t.TempDir(), parts())
	at := time.Unix(1, 0)
	collect := func(how string) []Record {
		t.Helper()
		row, err := book.Collect(how, time.Second, at)
		if err != nil {
			t.Fatal(err)
		}
		return row
	}
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	if row := collect(""); row != nil {
		t.Errorf("first life: %v", row)
	}
	check(book.Note("proxy", "run proxy: no memory", at))
	collect("exit status 3")
	want := []Record{{At: at, How: "exit status 3", Part: "proxy", Message: "run proxy: no memory", Ran: time.Second}, {At: at, How: "signal: killed", Ran: time.Second}}
	if diff := cmp.Diff(want, collect("signal: killed"), cmpopts.EquateApproxTime(0)); diff != "" {
		t.Error(diff)
	}
	check(book.EndRow())
	if row := collect(""); len(row) != 0 {
		t.Errorf("after an end on purpose: %v", row)
	}
	// A file that was torn is no reason not to start.
	check(os.WriteFile(filepath.Join(book.dir, "crashes.json"), []byte(`{"row":[{`), 0o600))
	if row := collect("signal: killed"); len(row) != 1 {
		t.Errorf("with a torn file: %v", row)
	}
}

func TestLeftOut(t *testing.T) {
	const short, long = time.Second, time.Hour
	for _, test := range []struct {
		name string
		row  []Record
		want []string
	}{
		{name: "nothing"},
		{name: "twice", row: []Record{{Part: "a", Ran: long}, {Part: "a", Ran: short}}},
		{name: "three times", row: []Record{{Part: "a", Ran: long}, {Part: "a", Ran: short}, {Part: "a", Ran: short}}, want: []string{"a"}},
		{name: "not in a row", row: []Record{{Part: "a"}, {Part: "a"}, {Part: "b"}, {Part: "a"}}},
		{name: "killed between", row: []Record{{Part: "a"}, {Part: "a"}, {}, {Part: "a"}}},
		{name: "worked for long between", row: []Record{{Part: "a"}, {Part: "a"}, {Part: "a", Ran: long}}},
		{name: "stays out while others fall", row: []Record{{Part: "a"}, {Part: "a"}, {Part: "a"}, {Part: "b", Ran: long}, {}}, want: []string{"a"}},
		{name: "two", row: []Record{{Part: "a"}, {Part: "a"}, {Part: "a"}, {Part: "b"}, {Part: "b"}, {Part: "b"}}, want: []string{"a", "b"}},
		{name: "unknown parts are never left out", row: []Record{{}, {}, {}, {}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := LeftOut(test.row)
			for _, part := range test.want {
				if _, found := got[part]; !found {
					t.Errorf("%s is not left out", part)
				}
			}
			if len(got) != len(test.want) {
				t.Errorf("left out: %v, want %v", got, test.want)
			}
		})
	}
}

// TestCulprit: code of another part that a labelled goroutine runs is that part's.
func TestCulprit(t *testing.T) {
	const header = `goroutine 7 [running labels:{"a": "b", "which": "the \"first\""}]:` + "\n"
	book := New(t.TempDir(), parts())
	for stack, want := range map[string]string{
		header + self + ".f(...)\n":                            `crasher/the "first"`,
		header + "strings.Cut(...)\n":                          `crasher/the "first"`,
		header + self + "/other.f(...)\n" + self + ".f(...)\n": "other",
		"goroutine 7 [running]:\n" + self + ".f(...)\n":        "crasher",
		"goroutine 7 [running]:\nmain.main()\n":                "",
	} {
		if got := book.culprit(stack); got != want {
			t.Errorf("part %q, want %q of\n%s", got, want, stack)
		}
	}
}
