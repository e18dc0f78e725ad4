package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"

	"github.com/proa-sh/proa/pkg/cluster/controlplane"
	"github.com/proa-sh/proa/pkg/cluster/node"
)

// ProgramOf is the name of the program that can take the place of a step; empty if there is none.
func ProgramOf(step string) string {
	return map[string]string{
		StepAPIServer: controlplane.APIServerProgram, StepControllers: controlplane.ControllerManagerProgram, StepScheduler: controlplane.SchedulerProgram,
		node.StepKubelet: node.KubeletProgram, node.StepProxy: node.ProxyProgram,
	}[step]
}

func (c Config) programsFile() string { return filepath.Join(c.RunDir, "programs.json") }

// RunningPrograms are those with which the cluster was started; none if it is down.
func (c Config) RunningPrograms() (map[string]string, error) {
	content, err := os.ReadFile(c.programsFile())
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	programs := map[string]string{}
	if err == nil {
		err = json.Unmarshal(content, &programs)
	}
	if err != nil {
		return nil, fmt.Errorf("read which programs there are: %w", err)
	}
	return programs, nil
}

// keepPrograms makes sure that pods and rules which one set of programs has left on the machine are not taken over by another:
// they do not know each other's.
func (c Config) keepPrograms() error {
	before, err := c.RunningPrograms()
	if err != nil {
		return err
	}
	if before != nil && !maps.Equal(before, c.Programs) {
		return fmt.Errorf("the cluster was left on this machine with other programs (%v, now %v): run `proa down` first", before, c.Programs)
	}
	programs := c.Programs
	if programs == nil {
		programs = map[string]string{}
	}
	content, err := json.Marshal(programs)
	if err == nil {
		err = os.WriteFile(c.programsFile(), content, 0o600)
	}
	if err != nil {
		return fmt.Errorf("remember programs: %w", err)
	}
	return nil
}
