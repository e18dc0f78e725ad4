package containerd

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"text/template"
)

// Config says where everything is. All paths are absolute.
type Config struct {
	// BinDir holds containerd and containerd-shim-runc-v2.
	BinDir string
	// Root keeps images and containers; State keeps what is of use only while the machine runs.
	Root, State string
	// LogFile gets what the daemon says.
	LogFile string
	// CNIBinDir holds the network plugins, CNIConfDir their configuration, written by somebody else.
	CNIBinDir, CNIConfDir string
	// CertsDir holds a directory with hosts.toml for each registry that needs one (containerd's hosts configuration).
	CertsDir string
	// SandboxImage is the image of the container that holds a pod's namespaces.
	SandboxImage string
	// RuntimeHandlers are names for RuntimeClass handlers beside runc; all of them are runc.
	RuntimeHandlers []string
	// RestrictOOMScoreAdj must be set where a process may not lower its oom_score_adj; see MayLowerOOMScore.
	RestrictOOMScoreAdj bool
	// Mark is carried by the daemon and its shims, by which they are found again (package process).
	Mark string
	// GoesOn says at the end whether the daemon is not to end, for the next process of ours takes it over; nil is no.
	GoesOn func() bool
}

// Socket is where the daemon serves CRI and its own API.
func (c Config) Socket() string { return filepath.Join(c.State, "containerd.sock") }

// Endpoint is the socket as the kubelet's --container-runtime-endpoint takes it.
func (c Config) Endpoint() string { return "unix://" + c.Socket() }

// maxShimSocketDir is containerd's own limit, which leaves room for the names of the sockets.
const maxShimSocketDir = 42

// ShimSocketDir is where the shims' sockets are: in the state directory, or if that is too long in one of /run that is
// named for it.
func (c Config) ShimSocketDir() string {
	dir := filepath.Join(c.State, "s")
	if len(dir) <= maxShimSocketDir {
		return dir
	}
	sum := sha256.Sum256([]byte(c.State))
	return "/run/proa-s-" + hex.EncodeToString(sum[:6])
}

func (c Config) configFile() string { return filepath.Join(c.State, "config.toml") }

func (c Config) validate() error {
	var faults []error
	for name, path := range map[string]string{
		"BinDir": c.BinDir, "Root": c.Root, "State": c.State, "LogFile": c.LogFile,
		"CNIBinDir": c.CNIBinDir, "CNIConfDir": c.CNIConfDir, "CertsDir": c.CertsDir,
	} {
		if !filepath.IsAbs(path) {
			faults = append(faults, fmt.Errorf("%s must be an absolute path, not %q", name, path))
		}
	}
	if c.SandboxImage == "" || c.Mark == "" {
		faults = append(faults, errors.New("SandboxImage and Mark must be given"))
	}
	return errors.Join(faults...)
}

//go:embed config.toml.tmpl
var configTemplate string

// render writes the daemon's configuration. It depends on nothing but the Config.
func (c Config) render() ([]byte, error) {
	t, err := template.New("config.toml").Funcs(template.FuncMap{"quote": strconv.Quote}).Parse(configTemplate)
	if err != nil {
		return nil, fmt.Errorf("read template: %w", err)
	}
	var out bytes.Buffer
	if err := t.Execute(&out, c); err != nil {
		return nil, fmt.Errorf("fill in template: %w", err)
	}
	return out.Bytes(), nil
}

// Handlers are all runtime handlers.
func (c Config) Handlers() []string { return append([]string{"runc"}, c.RuntimeHandlers...) }

// MayLowerOOMScore finds out, by trying, whether this machine lets us lower oom_score_adj. Containers get negative
// values, and where that is forbidden none would start.
func MayLowerOOMScore() (bool, error) {
	const file = "/proc/self/oom_score_adj"
	content, err := os.ReadFile(file)
	if err != nil {
		return false, fmt.Errorf("read own OOM score: %w", err)
	}
	score, err := strconv.Atoi(strings.TrimSpace(string(content)))
	if err != nil {
		return false, fmt.Errorf("read own OOM score: %w", err)
	}
	const lowest = -1000
	if score == lowest {
		return true, nil
	}
	err = os.WriteFile(file, []byte(strconv.Itoa(score-1)), 0)
	if errors.Is(err, os.ErrPermission) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("lower own OOM score: %w", err)
	}
	if err := os.WriteFile(file, content, 0); err != nil {
		return false, fmt.Errorf("restore own OOM score: %w", err)
	}
	return true, nil
}
