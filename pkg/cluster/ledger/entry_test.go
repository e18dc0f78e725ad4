package ledger

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func names(entries []Entry) []string {
	var names []string
	for _, e := range entries {
		names = append(names, e.String())
	}
	return names
}

func TestReplay(t *testing.T) {
	const (
		one   = `{"change":{"seq":1,"kind":"interface","name":"proa0","boot":"b1"}}` + "\n"
		two   = `{"change":{"seq":2,"kind":"nft-table","name":"kube","family":"ip","boot":"b1"}}` + "\n"
		three = `{"change":{"seq":3,"kind":"file","name":"/etc/x","boot":"b1"}}` + "\n"
		undo2 = `{"undone":2}` + "\n"
	)
	for _, test := range []struct {
		name, content, boot string
		want                []string
		sound, damaged      int
	}{
		{name: "nothing", boot: "b1"},
		{name: "all stand", content: one + two + three, boot: "b1", sound: len(one + two + three),
			want: []string{"interface proa0", "nft-table ip kube", "file /etc/x"}},
		{name: "one undone", content: one + two + undo2 + three, boot: "b1", sound: len(one + two + undo2 + three),
			want: []string{"interface proa0", "file /etc/x"}},
		{name: "number used again", content: one + two + undo2 + two, boot: "b1", sound: len(one + two + undo2 + two),
			want: []string{"interface proa0", "nft-table ip kube"}},
		{name: "after a reboot only files stand", content: one + two + three, boot: "b2", sound: len(one + two + three),
			want: []string{"file /etc/x"}},
		{name: "torn last line was never made", content: one + two[:20], boot: "b1", sound: len(one), want: []string{"interface proa0"}},
		{name: "torn line that is whole but for its end", content: one + two[:len(two)-1], boot: "b1", sound: len(one),
			want: []string{"interface proa0"}},
		{name: "damage in the middle is told and passed over", content: one + "rubbish\n" + two, boot: "b1", sound: len(one + "rubbish\n" + two), damaged: 1,
			want: []string{"interface proa0", "nft-table ip kube"}},
		{name: "a torn line with the next in its wake", content: one + two[:20] + three + undo2, boot: "b1", sound: len(one + two[:20] + three + undo2), damaged: 1,
			want: []string{"interface proa0", "file /etc/x"}},
		{name: "a torn note of undoing", content: one + two + undo2[:5] + undo2, boot: "b1", sound: len(one + two + undo2[:5] + undo2), damaged: 1,
			want: []string{"interface proa0"}},
		{name: "torn twice", content: one[:30] + one[:12] + two, boot: "b1", sound: len(one[:30] + one[:12] + two), damaged: 1,
			want: []string{"nft-table ip kube"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := replay([]byte(test.content), test.boot)
			if diff := cmp.Diff(test.want, names(got.standing)); diff != "" {
				t.Error(diff)
			}
			if got.sound != test.sound || len(got.damage) != test.damaged {
				t.Errorf("sound bytes: %d, want %d; damage: %q, want %d", got.sound, test.sound, got.damage, test.damaged)
			}
		})
	}
}

func TestWrittenBeforeTheCallReturns(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state", "ledger")
	l, err := open(path, "b1", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time it stands already
		if err := l.Interface("proa0"); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Route("10.1.0.0/16", "10.0.0.2", ""); err != nil {
		t.Fatal(err)
	}
	// Not closed: as after kill -9, and with a line that the crash tore.
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.WriteString(`{"change":{"seq":3,`); err != nil {
		t.Fatal(err)
	}
	again, err := open(path, "b1", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if err := again.NftTable("inet", "proa"); err != nil {
		t.Fatal(err)
	}
	want := []string{"interface proa0", "route 10.1.0.0/16 via 10.0.0.2", "nft-table inet proa"}
	if diff := cmp.Diff(want, names(again.Standing())); diff != "" {
		t.Error(diff)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(string(content), "\n"); lines != 3 {
		t.Errorf("%d lines, want 3:\n%s", lines, content)
	}
}

func TestRefusesWhatCannotBeUndone(t *testing.T) {
	l, err := open(filepath.Join(t.TempDir(), "ledger"), "b1", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for name, record := range map[string]func() error{
		"mounts under root": func() error { return l.MountsUnder("/") },
		"relative mounts":   func() error { return l.MountsUnder("x") },
		"root cgroup":       func() error { return l.Cgroup("/x/..") },
		"no mark":           func() error { return l.Processes("") },
		"unknown family":    func() error { return l.NftTable("ipv4", "x") },
		"no prefix":         func() error { return l.HostPorts("ip", "t", "10.0.0.0") },
		"files anywhere":    func() error { return l.Files("/var/*/x") },
		"relative files":    func() error { return l.Files("x*") },
		"no pattern":        func() error { return l.Files("/var/[x") },
		"no regular file":   func() error { return l.File("/dev/null") },
		"no such sysctl":    func() error { return l.SetSysctl("net.no.such", "1") },
	} {
		if err := record(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if standing := l.Standing(); len(standing) != 0 {
		t.Errorf("written all the same: %v", names(standing))
	}
}

func TestOwners(t *testing.T) {
	l, err := open(filepath.Join(t.TempDir(), "ledger"), "b1", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dirs := map[string]string{}
	for _, owner := range []string{"", "a", "b"} {
		dirs[owner] = filepath.Join(t.TempDir(), "made")
		if err := l.Of(owner).Dir(dirs[owner]); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(dirs[owner], 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Of("a").Undo(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"dir " + dirs[""], "dir " + dirs["b"]}, names(l.Standing())); diff != "" {
		t.Errorf("after what was done for a is undone:\n%s", diff)
	}
	if _, err := os.Stat(dirs["a"]); !os.IsNotExist(err) {
		t.Errorf("directory of a: %v", err)
	}
	if err := l.Undo(t.Context()); err != nil || len(l.Standing()) != 0 {
		t.Errorf("undo of all: %v, %v stands", err, names(l.Standing()))
	}
}
