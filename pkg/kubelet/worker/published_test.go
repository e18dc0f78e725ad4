package worker

import (
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestPublishedDue: what the API has been told is message "ours" at version 5.
func TestPublishedDue(t *testing.T) {
	cfg := &Config{
		Changed: func(a, b *v1.PodStatus) bool { return a.Message != b.Message },
		Repeats: func(a, b *v1.PodStatus) bool { return a.Message == b.Message },
	}
	start := time.Unix(1_000_000, 0)
	for _, test := range []struct {
		name           string
		known, version string // what the API has
		status         string // what is to be told
		ending         bool
		quiet          time.Duration // containers are being replaced until then
		due            bool
		again          time.Duration // after start
	}{
		{name: "nothing new", known: "ours", version: "5", status: "ours"},
		{name: "news", known: "ours", version: "5", status: "news", due: true},
		{name: "news, and the cache shows what was before ours", known: "older", version: "4", status: "news", due: true},
		{name: "news beside a change of the spec", known: "ours", version: "6", status: "news", due: true},
		{name: "news while a container is replaced", known: "ours", version: "5", status: "news", quiet: replacedWithin, again: replacedWithin},
		{name: "news of the end then", known: "ours", version: "5", status: "news", quiet: replacedWithin, ending: true, due: true},
		{name: "somebody else's", known: "theirs", version: "6", status: "ours", again: correctAfter},
		{name: "somebody else's, and news", known: "theirs", version: "6", status: "news", due: true},
		{name: "somebody else's, and news while a container is replaced", known: "theirs", version: "6", status: "news", quiet: replacedWithin, again: replacedWithin},
		{name: "somebody else's, and news of the end", known: "theirs", version: "6", status: "news", ending: true, due: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := &published{status: &v1.PodStatus{Message: "ours"}, version: "5"}
			known := &v1.Pod{ObjectMeta: metav1.ObjectMeta{ResourceVersion: test.version}, Status: v1.PodStatus{Message: test.known}}
			due, again := p.due(cfg, known, &v1.PodStatus{Message: test.status}, test.ending, start.Add(test.quiet), start)
			want := time.Time{}
			if test.again > 0 {
				want = start.Add(test.again)
			}
			if due != test.due || !again.Equal(want) {
				t.Errorf("due %v, again at %v; want %v, %v", due, again, test.due, want)
			}
			if test.again > 0 {
				if due, _ := p.due(cfg, known, &v1.PodStatus{Message: test.status}, test.ending, start.Add(test.quiet), want); !due {
					t.Error("not due when its time has come")
				}
			}
		})
	}
}
