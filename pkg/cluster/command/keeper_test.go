package command

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/proa-sh/proa/pkg/cluster/control"
	"github.com/proa-sh/proa/pkg/cluster/node"
	"github.com/proa-sh/proa/pkg/cluster/process"
)

// TestKilledServerComesBack by itself, with what was stored, and tells that it fell.
func TestKilledServerComesBack(t *testing.T) {
	m := newMachine(t)
	m.must("up")
	m.put("/test/1")
	before := m.status()
	server, err := process.Lookup(before.Pid)
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Kill(t.Context(), server); err != nil {
		t.Fatal(err)
	}
	m.must("up") // waits for it
	m.wantKeys(1)
	after := m.status()
	if after.Pid == before.Pid || len(after.Falls) != 1 || after.Falls[0].How != "signal: killed" {
		t.Errorf("status after a fall: %+v", after)
	}
	m.want(m.must("status"), "the server fell at", "signal: killed")

	// While it is down between two lives, down ends what would bring it back.
	if server, err = process.Lookup(after.Pid); err != nil {
		t.Fatal(err)
	}
	if err := process.Kill(t.Context(), server); err != nil {
		t.Fatal(err)
	}
	m.must("down")
	m.wantClean()
	m.must("up")
	if status := m.status(); len(status.Falls) != 0 {
		t.Errorf("falls before it was asked to end count: %v", status.Falls)
	}
}

// TestPartThatFallsAgainAndAgain is left out, with what needs it, until somebody has mended what it stumbled over.
func TestPartThatFallsAgainAndAgain(t *testing.T) {
	object := filepath.Join(t.TempDir(), "object")
	t.Setenv(failVariable, object)
	m := newMachine(t)
	m.must("up")
	m.must("down")
	if err := os.WriteFile(object, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	// The first life that nobody falls in is the one without it.
	m.want(m.must("up"), "waiting for the next one")
	wait := time.NewTicker(50 * time.Millisecond)
	defer wait.Stop()
	deadline := time.After(time.Minute)
	for len(m.state().LeftOut) == 0 {
		select {
		case <-wait.C:
		case <-deadline:
			t.Fatalf("it is not left out: %+v", m.state())
		}
	}
	status, err := m.run("status")
	if err == nil || !strings.Contains(err.Error(), node.StepProxy) {
		t.Errorf("status does not fail: %v", err)
	}
	m.want(status, "service-proxy fell at", "an object that it cannot bear", "run `proa up` to try again")
	if err := os.Remove(object); err != nil {
		t.Fatal(err)
	}
	m.want(m.must("up"), "Trying again what was left out: service-proxy")
	m.must("status")
	if status := m.status(); len(status.LeftOut) != 0 || len(status.Falls) != 0 {
		t.Errorf("status when it is mended: %+v", status)
	}
}

// state is the status as far as it can be had: between two lives it is empty.
func (m *machine) state() control.Status {
	status, _ := control.NewClient(m.cfg.ControlSocket()).Status(m.t.Context())
	return status
}
