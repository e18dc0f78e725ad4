package command

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/proa-sh/proa/pkg/cluster/process"
)

func TestDownLeavesAPartThatDoesNotStop(t *testing.T) {
	t.Setenv(deafVariable, "yes")
	m := newMachine(t)
	m.must("up")
	m.want(m.must("down"), "deaf", "it has not ended within 5s", "containerd           stopped in", "The cluster is down")
	m.wantClean()
	stacks, err := os.ReadFile(m.cfg.Node().StacksFile())
	if err != nil || !strings.Contains(string(stacks), "withoutKubernetes") {
		t.Errorf("the stacks do not show the part: %v", err)
	}
}

func TestDownKillsAServerThatDoesNotAnswer(t *testing.T) {
	m := newMachine(t)
	m.must("up")
	server, err := process.Lookup(m.status().Pid)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(server.Pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	m.want(m.must("down"), "did not stop in time and is killed", "The cluster is down")
	m.wantClean()
	if _, err := process.Lookup(server.Pid); err == nil {
		t.Error("the server is still there")
	}
}
