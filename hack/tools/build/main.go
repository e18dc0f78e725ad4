// Command build makes the programs of this module in the directory given by -o: static, without paths or symbols, so
// that the same sources give the same bytes. What is up to date is left alone by the go command's own cache.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// program is one thing to build: where it goes below the output directory, and from what.
type program struct {
	output, pkg, tags string
}

const (
	containerd = "github.com/containerd/containerd/v2"
	cni        = "github.com/containernetworking/plugins/plugins"
	// small drops gRPC's debug pages and, in containerd, Intel's resource director.
	small = "grpcnotrace,no_rdt"
)

func programs() []program {
	return []program{
		{output: "containerd", pkg: "./containerd", tags: small},
		{output: "containerd-shim-runc-v2", pkg: containerd + "/cmd/containerd-shim-runc-v2", tags: "no_grpc," + small},
		{output: "ctr", pkg: containerd + "/cmd/ctr", tags: small},
		{output: "cni/bridge", pkg: cni + "/main/bridge"},
		{output: "cni/host-local", pkg: cni + "/ipam/host-local"},
		{output: "cni/loopback", pkg: cni + "/main/loopback"},
		{output: "cni/portmap", pkg: cni + "/meta/portmap"},
		{output: "coredns", pkg: "./coredns", tags: small},
	}
}

func main() {
	out := flag.String("o", "bin", "directory to put the programs in")
	flag.Parse()
	if err := run(*out); err != nil {
		fmt.Fprintln(os.Stderr, "build tools:", err)
		os.Exit(1)
	}
}

func run(out string) error {
	out, err := filepath.Abs(out)
	if err != nil {
		return fmt.Errorf("find output directory %q: %w", out, err)
	}
	ldflags, err := versionFlags()
	if err != nil {
		return err
	}
	for _, p := range programs() {
		if err := build(p, out, ldflags); err != nil {
			return fmt.Errorf("build %s from %s (repeat with `make tools`): %w", p.output, p.pkg, err)
		}
	}
	return nil
}

// versionFlags stamps the pinned versions, which the programs report of themselves.
func versionFlags() (string, error) {
	containerdVersion, err := moduleVersion(containerd)
	if err != nil {
		return "", err
	}
	cniVersion, err := moduleVersion("github.com/containernetworking/plugins")
	if err != nil {
		return "", err
	}
	flags := []string{"-s", "-w",
		"-X=" + containerd + "/version.Version=" + containerdVersion,
		"-X=github.com/containernetworking/plugins/pkg/utils/buildversion.BuildVersion=" + cniVersion,
	}
	return strings.Join(flags, " "), nil
}

func moduleVersion(module string) (string, error) {
	output, err := exec.Command("go", "list", "-m", "-f", "{{.Version}}", module).Output()
	if err != nil {
		return "", fmt.Errorf("ask for the version of %s: %w", module, err)
	}
	return string(bytes.TrimSpace(output)), nil
}

func build(p program, out, ldflags string) error {
	target := filepath.Join(out, p.output)
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	fmt.Println("build", p.output)
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", ldflags, "-tags", p.tags, "-o", target, p.pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd.Run()
}
