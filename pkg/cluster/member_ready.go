package cluster

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/proa-sh/proa/pkg/cluster/control"
)

// begin begins a life of the node, of which nothing is known yet.
func (m *member) begin() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.began, m.works = time.Now(), make(chan struct{})
}

// report is told by the agent, of this life or, when the machine was taken over, of the one before.
func (m *member) report(fault string) {
	if fault != "" {
		m.fail(errors.New(fault))
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	select {
	case <-m.works:
	default:
		close(m.works)
	}
}

// hasStarted says that all parts of this life have started once: what the agent does after that is no part of the node.
func (m *member) hasStarted() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	select {
	case <-m.works:
		return true
	default:
		return false
	}
}

// awaitReady returns when the node is ready, or has failed.
func (m *member) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	m.mu.Lock()
	m.waiting[&cancel] = true
	began, works := m.began, m.works
	m.mu.Unlock()
	defer func() {
		m.mu.Lock()
		delete(m.waiting, &cancel)
		m.mu.Unlock()
	}()
	if !m.isOn() {
		return fmt.Errorf("node %s is off; see %s", m.record.Name, m.node.AgentLog())
	}
	err := m.fleet.parts.awaitReady(ctx, m.record.Name, began)
	if err == nil {
		select {
		case <-works:
		case <-ctx.Done():
		}
	}
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	if err != nil {
		return fmt.Errorf("wait for node %s: %w", m.record.Name, err)
	}
	return nil
}

// fail tells those who wait.
func (m *member) fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for cancel := range m.waiting {
		(*cancel)(err)
	}
}

// check says what does not work on the node.
func (m *member) check(ctx context.Context) error {
	if !m.isOn() {
		return errors.New("it is off")
	}
	status, err := control.NewClient(m.node.ControlSocket()).Status(ctx)
	if errors.Is(err, control.ErrNotRunning) {
		return fmt.Errorf("its agent does not run; see %s", m.node.AgentLog())
	}
	if err != nil {
		return err
	}
	if status.Phase != control.Running && !m.hasStarted() {
		return fmt.Errorf("it is %s", status.Phase)
	}
	var faults []string
	for part, fault := range status.Parts {
		if fault != "" {
			faults = append(faults, part+": "+fault)
		}
	}
	if len(faults) > 0 {
		return errors.New(strings.Join(faults, "; "))
	}
	return nil
}
