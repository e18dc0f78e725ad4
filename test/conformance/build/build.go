package build

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// Module is Kubernetes' own, as ../upstream pins it.
type Module struct {
	// Version as in v1.36.3, Dir where the go command has its sources.
	Version, Dir string

	upstream string
}

const kubernetes = "k8s.io/kubernetes"

// Find asks the module in the directory upstream for the version of Kubernetes.
func Find(ctx context.Context, upstream string) (Module, error) {
	m := Module{upstream: upstream}
	cmd := exec.CommandContext(ctx, "go", "mod", "download", "-json", kubernetes)
	cmd.Dir, cmd.Stderr = upstream, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return m, fmt.Errorf("find sources of %s: %w", kubernetes, err)
	}
	if err := json.Unmarshal(out, &m); err != nil {
		return m, fmt.Errorf("read the go command's answer: %w", err)
	}
	return m, nil
}

// program is one thing to build. A program of tests is one that `go test -c` makes.
type program struct {
	name, pkg string
	tests     bool
	// stamps are further variables to set.
	stamps []string
}

// The programs' names.
const (
	Suite   = "e2e.test"
	Ginkgo  = "ginkgo"
	Kubectl = "kubectl"
)

// programs are what every run needs: the suite, and what is in the images.
func (m Module) programs() []program {
	return []program{
		{name: Ginkgo, pkg: "github.com/onsi/ginkgo/v2/ginkgo"},
		{name: Suite, pkg: kubernetes + "/test/e2e", tests: true},
		{name: Kubectl, pkg: kubernetes + "/cmd/kubectl"},
		{name: "agnhost", pkg: kubernetes + "/test/images/agnhost", stamps: []string{"main.Version=" + AgnhostVersion}},
		{name: "nnp", pkg: kubernetes + "/test/images/nonewprivs"},
		{name: "regression-issue-74839", pkg: kubernetes + "/test/images/regression-issue-74839"},
		{name: "sample-apiserver", pkg: "k8s.io/sample-apiserver"},
		{name: "etcd", pkg: "go.etcd.io/etcd/server/v3"},
	}
}

// AgnhostVersion is what the program says of itself, and the tag of its image.
const AgnhostVersion = "2.63.0"

// Components are upstream's namesakes of ours.
func Components() []string {
	return []string{"kube-apiserver", "kube-controller-manager", "kube-proxy", "kube-scheduler", "kubelet"}
}

// Build makes what every run needs, and the named components, in the directory out. It reports each program that it builds.
func (m Module) Build(ctx context.Context, out string, components []string, report func(string)) error {
	all := m.programs()
	for _, name := range components {
		if !slices.Contains(Components(), name) {
			return fmt.Errorf("there is no component %q: name some of %s", name, strings.Join(Components(), ", "))
		}
		all = append(all, program{name: name, pkg: kubernetes + "/cmd/" + name})
	}
	for _, p := range all {
		if err := m.build(ctx, out, p, report); err != nil {
			return fmt.Errorf("build %s from %s: %w", p.name, p.pkg, err)
		}
	}
	return nil
}

// build calls the go command unless the program was built of the very same before: to find out that nothing is to be done
// takes the go command a minute for all of them on a busy machine.
func (m Module) build(ctx context.Context, out string, p program, report func(string)) error {
	verb := []string{"build"}
	if p.tests {
		verb = []string{"test", "-c", "-vet=off"}
	}
	target := filepath.Join(out, p.name)
	args := append(verb, "-trimpath", "-buildvcs=false", "-ldflags", m.ldflags(p), "-o", target, p.pkg)
	key, err := m.key(args)
	if err != nil {
		return err
	}
	keyFile := filepath.Join(out, "."+p.name+".key")
	if old, err := os.ReadFile(keyFile); err == nil && string(old) == key {
		if _, err := os.Stat(target); err == nil {
			return nil
		}
	}
	report("build " + p.name)
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir, cmd.Env = m.upstream, append(os.Environ(), "CGO_ENABLED=0")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return err
	}
	return os.WriteFile(keyFile, []byte(key), 0o644)
}

// key is the same for the same program: all sources are pinned by the module's files.
func (m Module) key(args []string) (string, error) {
	hash := sha256.New()
	for _, name := range []string{"go.mod", "go.sum"} {
		content, err := os.ReadFile(filepath.Join(m.upstream, name))
		if err != nil {
			return "", fmt.Errorf("read what pins upstream: %w", err)
		}
		hash.Write(content)
	}
	fmt.Fprintf(hash, "%s %q", runtime.Version(), args)
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// ldflags stamp the version as upstream's own build does.
func (m Module) ldflags(p program) string {
	const stamp = "k8s.io/component-base/version."
	major, rest, _ := strings.Cut(strings.TrimPrefix(m.Version, "v"), ".")
	minor, _, _ := strings.Cut(rest, ".")
	flags := []string{"-s", "-w", "-X", stamp + "gitVersion=" + m.Version, "-X", stamp + "gitMajor=" + major,
		"-X", stamp + "gitMinor=" + minor, "-X", stamp + "gitTreeState=clean"}
	for _, s := range p.stamps {
		flags = append(flags, "-X", s)
	}
	return strings.Join(flags, " ")
}
