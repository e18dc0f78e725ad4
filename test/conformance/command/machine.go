package command

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// commit names what is checked out, and says if there are changes to it.
func commit(ctx context.Context, root string) string {
	git := func(args ...string) string {
		cmd := exec.CommandContext(ctx, "git", args...)
		cmd.Dir = root
		out, err := cmd.Output()
		if err != nil {
			return "unknown"
		}
		return strings.TrimSpace(string(out))
	}
	name := git("rev-parse", "--short=12", "HEAD")
	if git("status", "--porcelain") != "" {
		name += " with changes"
	}
	return name
}

// machine describes this one by what counts for times.
func machine() string {
	var name unix.Utsname
	var info unix.Sysinfo_t
	if err := unix.Uname(&name); err != nil {
		return "unknown"
	}
	if err := unix.Sysinfo(&info); err != nil {
		return "unknown"
	}
	memory := float64(info.Totalram) * float64(info.Unit) / (1 << 30)
	return fmt.Sprintf("%d cores, %.0f GiB, %s, Linux %s", runtime.NumCPU(), memory, distribution(), unix.ByteSliceToString(name.Release[:]))
}

func distribution() string {
	content, err := os.ReadFile("/etc/os-release")
	if err != nil {
		return "unknown distribution"
	}
	for line := range strings.Lines(string(content)) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "PRETTY_NAME="); ok {
			return strings.Trim(name, `"`)
		}
	}
	return "unknown distribution"
}
