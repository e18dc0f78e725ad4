package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

const (
	dataDir = "/var/lib/proa-e2e"
	binDir  = "../../bin"
	example = "../../manifests/examples/"
)

// images are the archives that tests need beyond those of the cluster.
var images = []string{"nginx-1.27.tar", "nginx-1.28.tar", "python.tar", "busybox.tar", "redis.tar"}

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) (code int) {
	down := func() {
		if err := proa("reset", "--yes"); err != nil {
			fmt.Fprintln(os.Stderr, "take down the test cluster:", err)
			code = 1
		}
	}
	// What an interrupted run left behind.
	down()
	if os.Getenv("PROA_E2E_KEEP") == "" {
		defer down()
	}
	if err := proa("up"); err != nil {
		fmt.Fprintln(os.Stderr, "start a cluster for the tests:", err, "(make build images)")
		return 1
	}
	for _, image := range images {
		if err := proa("image", "load", filepath.Join(binDir, "images", image)); err != nil {
			fmt.Fprintln(os.Stderr, "load test image:", err, "(make images)")
			return 1
		}
	}
	os.Setenv("KUBECONFIG", filepath.Join(dataDir, "kubeconfig", "admin.conf"))
	return m.Run()
}

// proa runs the command on the tests' cluster.
func proa(args ...string) error {
	command := exec.Command(filepath.Join(binDir, "proa"), append(args, "--data-dir", dataDir)...)
	command.Stdout, command.Stderr = os.Stdout, os.Stderr
	err := command.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return fmt.Errorf("proa %v: %w", args, err)
	}
	return err
}
