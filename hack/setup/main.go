// Command setup installs the Debian packages that are needed, each for the reason that stands beside it, and no others.
package main

import (
	"fmt"
	"os"
	"os/exec"
)

// wanted is a package and the program by which it is known to be there.
type wanted struct {
	name, program, reason string
}

func packages() []wanted {
	return []wanted{
		{"runc", "runc", "runs containers for containerd"},
		{"nftables", "nft", "writes the service rules, and port mappings of the CNI plugin portmap"},
		{"conntrack", "conntrack", "forgets connections to endpoints that are gone"},
		{"iproute2", "ip", "shows and makes network devices in tests"},
		{"util-linux", "nsenter", "enters the namespaces of a node in tests"},
		{"dpkg", "dpkg-deb", "takes packages apart for test images"},
		{"systemd", "systemd-analyze", "checks and runs the unit of a cluster in tests"},
		{"gcc", "gcc", "builds busybox for the images of the conformance suite"},
		{"libc6-dev", "gencat", "builds busybox"},
		{"make", "make", "builds busybox"},
		{"bzip2", "bzip2", "unpacks the sources of busybox"},
	}
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "setup:", err)
		os.Exit(1)
	}
}

func run() error {
	var missing []string
	for _, p := range packages() {
		if _, err := exec.LookPath(p.program); err != nil {
			fmt.Printf("%s: %s\n", p.name, p.reason)
			missing = append(missing, p.name)
		}
	}
	if len(missing) == 0 {
		fmt.Println("Everything is installed.")
		return nil
	}
	if err := apt("update", "-qq"); err != nil {
		return err
	}
	return apt(append([]string{"install", "-y", "--no-install-recommends"}, missing...)...)
}

func apt(args ...string) error {
	cmd := exec.Command("apt-get", args...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("apt-get %s: %w", args[0], err)
	}
	return nil
}
