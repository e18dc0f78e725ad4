package footprint

import (
	"os"
	"testing"
)

func TestDecision(t *testing.T) {
	const mib = 1 << 20
	for _, test := range []struct {
		name      string
		last, now figures
		after     uint64
		want      bool
	}{
		{"after the start", figures{allocated: 400 * mib, held: 180 * mib}, figures{allocated: 401 * mib, held: 180 * mib}, 0, true},
		{"busy", figures{allocated: 400 * mib, held: 180 * mib}, figures{allocated: 600 * mib, held: 180 * mib}, 0, false},
		{"nothing to win", figures{allocated: 400 * mib, held: 100 * mib}, figures{allocated: 401 * mib, held: 101 * mib}, 90 * mib, false},
		{"garbage since the last", figures{allocated: 900 * mib, held: 130 * mib}, figures{allocated: 901 * mib, held: 131 * mib}, 90 * mib, true},
		{"it has become smaller by itself", figures{allocated: 900 * mib, held: 70 * mib}, figures{allocated: 901 * mib, held: 70 * mib}, 90 * mib, false},
	} {
		if got := shouldRelease(test.last, test.now, test.after); got != test.want {
			t.Errorf("%s: %t", test.name, got)
		}
	}
}

func TestParseMapping(t *testing.T) {
	const path = "/usr/bin/proa"
	for _, test := range []struct {
		line       string
		start, end uintptr
		ours       bool
	}{
		{"00400000-02ac1000 r-xp 00000000 fe:00 123                    /usr/bin/proa", 0x400000, 0x2ac1000, true},
		{"02ac1000-04000000 r--p 026c1000 fe:00 123                    /usr/bin/proa", 0x2ac1000, 0x4000000, true},
		{"04000000-04200000 rw-p 04000000 fe:00 123                    /usr/bin/proa", 0, 0, false},
		{"04000000-04200000 r--s 04000000 fe:00 123                    /usr/bin/proa", 0, 0, false},
		{"7f0000000000-7f0000021000 r-xp 00000000 fe:00 9              /lib/libc.so", 0, 0, false},
		{"c000000000-c000400000 rw-p 00000000 00:00 0", 0, 0, false},
		{"", 0, 0, false},
	} {
		start, end, ours := parseMapping(test.line, path)
		if start != test.start || end != test.end || ours != test.ours {
			t.Errorf("%q: %x %x %t", test.line, start, end, ours)
		}
	}
}

// garbage is kept here so that it is not optimized away.
type garbage struct{ blocks [][]byte }

func TestReleaseGivesBack(t *testing.T) {
	var kept garbage
	for range 64 {
		block := make([]byte, 1<<20)
		for i := 0; i < len(block); i += os.Getpagesize() {
			block[i] = 1
		}
		kept.blocks = append(kept.blocks, block)
	}
	before := observe()
	kept.blocks = nil
	if err := Release(); err != nil {
		t.Fatal(err)
	}
	after := observe()
	if after.held+60<<20 > before.held {
		t.Errorf("held %d MiB before and %d MiB after", before.held>>20, after.held>>20)
	}
}
