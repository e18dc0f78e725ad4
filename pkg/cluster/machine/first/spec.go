package first

import (
	"encoding/json"
	"fmt"
	"os"
)

// Spec is what the machine is to be.
type Spec struct {
	// Hostname is what the machine calls itself.
	Hostname string
	// Hide are directories of which nothing is to be seen that the host has mounted below them.
	Hide []string
	// Binds are mounted in their order.
	Binds []Bind
	// Program is what runs; it has the environment of the first process. A change of it counts when it is started again.
	Program []string
}

// Bind shows Source at Target. What does not exist at Target is left out.
type Bind struct{ Source, Target string }

// Read reads a Spec that Write has written.
func Read(path string) (Spec, error) {
	var s Spec
	content, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(content, &s)
	}
	if err != nil {
		return s, fmt.Errorf("read what machine to be: %w", err)
	}
	if len(s.Program) == 0 {
		return s, fmt.Errorf("read what machine to be: %s names no program", path)
	}
	return s, nil
}

// Write replaces the file in one step.
func (s Spec) Write(path string) error {
	content, err := json.MarshalIndent(s, "", "  ")
	if err == nil {
		err = os.WriteFile(path+".new", content, 0o600)
	}
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		return fmt.Errorf("write what machine to be: %w", err)
	}
	return nil
}
