package faults

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// TestOrdinaryPrograms: only the programs that were built for faults know of points at which they may be killed.
func TestOrdinaryPrograms(t *testing.T) {
	const variable = "PROA_KILLPOINT"
	for _, program := range []string{"proa", "proa-keeper", "node-init", "kubelet", "kube-apiserver", "kube-scheduler"} {
		content, err := os.ReadFile(filepath.Join("../../bin", program))
		if err != nil {
			t.Fatalf("%v (make build)", err)
		}
		if bytes.Contains(content, []byte(variable)) {
			t.Errorf("%s can be killed at points: it was built with the tag faults", program)
		}
	}
	content, err := os.ReadFile("../../bin/faults/proa")
	if err != nil {
		t.Fatalf("%v (make faults-build)", err)
	}
	if !bytes.Contains(content, []byte(variable)) {
		t.Error("faults/proa knows of no points: it was built without the tag faults")
	}
}
