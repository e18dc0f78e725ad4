package journal

import (
	"io"
	"testing"
	"time"
)

func TestFollower(t *testing.T) {
	for name, test := range map[string]struct {
		happens func(*Journal, *Follower)
		want    string
		between int
	}{
		"all is told": {happens: func(j *Journal, f *Follower) {
			f.List(4, map[string]State{})
			acknowledge(j, object, is("1", 5))
			acknowledge(j, object, is("2", 7))
			f.Event("a", 5, is("1", 5))
			f.Event("a", 7, is("2", 7))
			f.Bookmark(9)
		}},
		"an event is left out": {happens: func(j *Journal, f *Follower) {
			f.List(4, map[string]State{})
			acknowledge(j, object, is("1", 5))
			acknowledge(j, object, is("2", 7))
			f.Event("a", 7, is("2", 7))
		}, want: "has not told of configmaps/a at resourceVersion 5"},
		"a list stands for events": {happens: func(j *Journal, f *Follower) {
			f.List(4, map[string]State{})
			acknowledge(j, object, is("1", 5))
			acknowledge(j, object, is("2", 7))
			f.List(8, map[string]State{"a": is("2", 7)})
		}, between: 2},
		"events go back": {happens: func(j *Journal, f *Follower) {
			f.List(4, map[string]State{})
			f.Event("a", 7, is("2", 7))
			f.Event("a", 5, is("1", 5))
			f.Event("a", 7, is("2", 7))
			acknowledge(j, object, is("2", 7))
		}, want: "at resourceVersion 5 after 7|at resourceVersion 7 after 7"},
		"lists and bookmarks go back": {happens: func(j *Journal, f *Follower) {
			f.List(8, map[string]State{"a": is("2", 8)})
			f.Bookmark(6)
			f.List(7, map[string]State{"a": is("1", 5)})
			acknowledge(j, object, is("1", 5))
		}, want: "a bookmark of resourceVersion 6 after 8|it went back|tells a as", between: 1},
		"a deletion is left out": {happens: func(j *Journal, f *Follower) {
			f.List(4, map[string]State{})
			acknowledge(j, object, is("1", 5))
			acknowledge(j, object, State{})
			f.Event("a", 5, is("1", 5))
		}, want: "should be [absent]"},
		"a deletion is told": {happens: func(j *Journal, f *Follower) {
			f.List(4, map[string]State{})
			acknowledge(j, object, is("1", 5))
			acknowledge(j, object, State{})
			f.Event("a", 5, is("1", 5))
			f.Event("a", 6, State{})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			j := New(io.Discard, time.Now)
			f := NewFollower(j, "configmaps")
			test.happens(j, f)
			if _, between := f.Check(); between != test.between {
				t.Errorf("%d writes between a watch and a list, want %d", between, test.between)
			}
			matches(t, j, test.want)
		})
	}
}
