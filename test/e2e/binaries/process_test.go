package binaries

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// process is a program that runs beside the test.
type process struct {
	t    *testing.T
	name string
	cmd  *exec.Cmd
	log  string
	// ended is closed when it has ended; err is how, and set before.
	ended chan struct{}
	err   error
}

// start runs a program, which must not end before it is told to.
func (c *cluster) start(name string, args ...string) *process {
	c.t.Helper()
	return c.startAs(name, name, args...)
}

func (c *cluster) startAs(name, program string, args ...string) *process {
	c.t.Helper()
	p := &process{t: c.t, name: name, log: filepath.Join(c.dir, "log", name+".log"), ended: make(chan struct{})}
	if err := os.MkdirAll(filepath.Dir(p.log), 0o755); err != nil {
		c.t.Fatal(err)
	}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		c.t.Fatal(err)
	}
	p.cmd = exec.Command(filepath.Join(c.bin, program), args...)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	// The plugins of the network and runc are found by PATH.
	p.cmd.Env = append(os.Environ(), "PATH="+c.bin+":"+os.Getenv("PATH"))
	if err := p.cmd.Start(); err != nil {
		c.t.Fatalf("start %s: %v (make build)", name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		log.Close()
		close(p.ended)
	}()
	c.running = append(c.running, p)
	return p
}

// alive fails the test when the process has ended by itself.
func (p *process) alive() {
	p.t.Helper()
	select {
	case <-p.ended:
		p.t.Fatalf("%s ended by itself: %v\n%s", p.name, p.err, p.tail())
	default:
	}
}

// stop ends the process as an init system does. It must end in time and without an error.
func (c *cluster) stop(p *process) {
	c.t.Helper()
	p.alive()
	c.forget(p)
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		c.t.Errorf("stop %s: %v", p.name, err)
	}
	select {
	case <-p.ended:
		if p.err != nil {
			c.t.Errorf("%s ended with: %v\n%s", p.name, p.err, p.tail())
		}
	case <-time.After(30 * time.Second):
		// Its goroutines tell why.
		_ = p.cmd.Process.Signal(syscall.SIGQUIT)
		<-p.ended
		c.t.Errorf("%s did not end in 30 s\n%s", p.name, p.tail())
	}
}

// kill ends the process as a crash does.
func (c *cluster) kill(p *process) {
	c.t.Helper()
	p.alive()
	c.forget(p)
	if err := p.cmd.Process.Kill(); err != nil {
		c.t.Errorf("kill %s: %v", p.name, err)
	}
	<-p.ended
}

func (c *cluster) forget(p *process) {
	for i := range c.running {
		if c.running[i] == p {
			c.running = append(c.running[:i:i], c.running[i+1:]...)
			return
		}
	}
}

// killAll ends what a failed test left.
func (c *cluster) killAll() {
	for i := len(c.running) - 1; i >= 0; i-- {
		p := c.running[i]
		if c.t.Failed() {
			c.t.Logf("end of the log of %s:\n%s", p.name, p.tail())
		}
		_ = p.cmd.Process.Kill() // it may have ended
		<-p.ended
	}
	c.closeEtcd()
}

// tail is the end of what the process said.
func (p *process) tail() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(string(text), "\n")
	return strings.Join(lines[max(0, len(lines)-40):], "\n")
}
