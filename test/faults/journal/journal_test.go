package journal

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var (
	object   = Object{"configmaps", "a"}
	other    = Object{"configmaps", "b"}
	shared   = Object{"deployments", "a"}
	errNoWay = errors.New("connection reset")
)

func is(value string, revision int64) State {
	return State{Exists: true, UID: "u", Value: value, Revision: revision}
}

// acknowledge is a whole write that went well.
func acknowledge(j *Journal, o Object, s State) { j.Acknowledged(j.Begin(o, s), s) }

func TestJournal(t *testing.T) {
	wanted := State{Exists: true, Value: "2"}
	for name, test := range map[string]struct {
		happens func(*Journal)
		want    string // what each fault contains, in order, separated by |
	}{
		"what was acknowledged is there": {happens: func(j *Journal) {
			acknowledge(j, object, is("1", 5))
			j.Read(object, is("1", 5))
		}},
		"an acknowledged write is lost": {happens: func(j *Journal) {
			acknowledge(j, object, is("1", 5))
			acknowledge(j, object, is("2", 6))
			j.Read(object, is("1", 5))
		}, want: `should be ["2" of resourceVersion 6`},
		"an acknowledged object is lost": {happens: func(j *Journal) {
			acknowledge(j, object, is("1", 5))
			j.Read(object, State{})
		}, want: "configmaps/a is absent"},
		"an acknowledged deletion is lost": {happens: func(j *Journal) {
			acknowledge(j, object, is("1", 5))
			acknowledge(j, object, State{})
			j.Read(object, is("1", 5))
		}, want: "should be [absent]"},
		"without an answer either may be, also later": {happens: func(j *Journal) {
			acknowledge(j, object, is("1", 5))
			j.Unknown(j.Begin(object, wanted), errNoWay)
			j.Read(object, is("1", 5))
			j.Read(object, is("2", 7))
		}},
		"without an answer nothing else may be": {happens: func(j *Journal) {
			acknowledge(j, object, is("1", 5))
			j.Unknown(j.Begin(object, wanted), errNoWay)
			j.Read(object, is("3", 8))
		}, want: "configmaps/a is"},
		"the next answer ends doubt": {happens: func(j *Journal) {
			j.Unknown(j.Begin(object, is("1", 0)), errNoWay)
			acknowledge(j, object, is("2", 9))
			j.Read(object, State{})
		}, want: "configmaps/a is absent"},
		"what was refused is not there": {happens: func(j *Journal) {
			j.Refused(j.Begin(object, wanted), errNoWay)
			j.Read(object, wanted)
		}, want: "should be [absent]"},
		"revisions go back": {happens: func(j *Journal) {
			acknowledge(j, object, is("1", 5))
			acknowledge(j, other, is("1", 5))
		}, want: "it went back"},
		"two at once may end in either order": {happens: func(j *Journal) {
			first, second := j.Begin(object, is("1", 0)), j.Begin(other, is("1", 0))
			j.Acknowledged(second, is("1", 6))
			j.Acknowledged(first, is("1", 5))
		}},
		"another object of the name": {happens: func(j *Journal) {
			acknowledge(j, object, is("1", 5))
			j.Read(object, State{Exists: true, UID: "v", Value: "1", Revision: 5})
		}, want: "with UID v"},
		"others may change what they share": {happens: func(j *Journal) {
			acknowledge(j, shared, is("1", 5))
			j.Read(shared, is("1", 8))
			j.Read(shared, is("1", 7))
		}, want: "deployments/a"},
		"nobody else changes what is not shared": {happens: func(j *Journal) {
			acknowledge(j, object, is("1", 5))
			j.Read(object, is("1", 8))
		}, want: "configmaps/a"},
		"an address is given twice": {happens: func(j *Journal) {
			acknowledge(j, object, State{Exists: true, Revision: 5, Holds: []string{"10.0.0.1"}})
			acknowledge(j, other, State{Exists: true, Revision: 6, Holds: []string{"10.0.0.1"}})
		}, want: "10.0.0.1 was given twice"},
		"an address is given again": {happens: func(j *Journal) {
			acknowledge(j, object, State{Exists: true, Revision: 5, Holds: []string{"10.0.0.1"}})
			acknowledge(j, object, State{})
			acknowledge(j, other, State{Exists: true, Revision: 6, Holds: []string{"10.0.0.1"}})
		}},
		"an address changes": {happens: func(j *Journal) {
			acknowledge(j, object, State{Exists: true, Revision: 5, Holds: []string{"10.0.0.1"}})
			j.Read(object, State{Exists: true, Revision: 5, Holds: []string{"10.0.0.2"}})
		}, want: "10.0.0.2"},
		"lists": {happens: func(j *Journal) {
			acknowledge(j, object, is("1", 5))
			j.List("configmaps", 4, map[string]State{"a": is("1", 5), "stranger": is("", 3)})
			j.List("configmaps", 9, map[string]State{})
		}, want: "it went back|nobody wrote it|configmaps/a is absent"},
	} {
		t.Run(name, func(t *testing.T) {
			j := New(io.Discard, time.Now, "deployments")
			test.happens(j)
			matches(t, j, test.want)
		})
	}
}

// matches compares the faults with what each is to contain.
func matches(t *testing.T, j *Journal, want string) {
	t.Helper()
	var wanted []string
	if want != "" {
		wanted = strings.Split(want, "|")
	}
	got := j.Faults()
	if len(got) != len(wanted) {
		t.Fatalf("faults: %q, want %q", got, wanted)
	}
	for i := range got {
		if !strings.Contains(got[i], wanted[i]) {
			t.Errorf("fault %q, want it to contain %q", got[i], wanted[i])
		}
	}
}

func TestCounts(t *testing.T) {
	var log strings.Builder
	j := New(&log, func() time.Time { return time.UnixMilli(7).UTC() })
	news, _ := j.Answered()
	acknowledge(j, object, is("1", 5))
	<-news
	j.Unknown(j.Begin(object, is("2", 0)), errNoWay)
	j.Refused(j.Begin(object, is("3", 0)), errNoWay)
	if diff := cmp.Diff(Counts{1, 1, 1}, j.Counts()); diff != "" {
		t.Error(diff)
	}
	want := `00:00:00.007 acknowledged configmaps/a "1" of resourceVersion 5 with UID u 
00:00:00.007 unknown      configmaps/a "2" with UID u connection reset
00:00:00.007 refused      configmaps/a "3" with UID u connection reset
`
	if diff := cmp.Diff(want, log.String()); diff != "" {
		t.Error(diff)
	}
}
