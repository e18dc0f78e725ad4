package binaries

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
)

// leftovers lists what is left of a cluster whose processes have ended: everything that the namespaces hold beyond what the
// test itself made.
func (c *cluster) leftovers() []string {
	c.t.Helper()
	var found []string
	found = append(found, leftMounts(c.t, c.dir)...)
	found = append(found, leftLinks(c.t)...)
	found = append(found, leftProcesses(c.t)...)
	found = append(found, c.leftCgroups()...)
	if out, err := exec.Command("nft", "list", "tables").Output(); err != nil {
		c.t.Errorf("list tables: %v", err)
	} else if text := strings.TrimSpace(string(out)); text != "" {
		found = append(found, "nft "+text)
	}
	return found
}

func leftMounts(t *testing.T, dir string) []string {
	t.Helper()
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) > 4 && strings.HasPrefix(fields[4], dir+"/") {
			found = append(found, "mount "+fields[4])
		}
	}
	return found
}

// leftLinks leaves out the bridge, which its CNI plugin never removes.
func leftLinks(t *testing.T) []string {
	t.Helper()
	links, err := netlink.LinkList()
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, link := range links {
		switch name := link.Attrs().Name; name {
		case "lo", "uplink", "cni0":
		default:
			found = append(found, "link "+name)
		}
	}
	return found
}

// leftProcesses are all but the first of the namespace and the test with its threads.
func leftProcesses(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || pid == 1 || pid == os.Getpid() {
			continue
		}
		command, err := os.ReadFile(filepath.Join("/proc", entry.Name(), "cmdline"))
		if err != nil || len(command) == 0 {
			continue // it has ended meanwhile
		}
		found = append(found, fmt.Sprintf("process %d %s", pid, strings.ReplaceAll(string(command), "\x00", " ")))
	}
	return found
}

// leftCgroups are those of pods. A kubelet keeps those of QoS classes, as it keeps the node's directory.
func (c *cluster) leftCgroups() []string {
	c.t.Helper()
	var found []string
	for _, mount := range cgroupMounts() {
		dirs, err := cgroupsBelow(filepath.Join(mount, c.cgroup))
		if err != nil {
			c.t.Fatal(err)
		}
		for _, dir := range dirs {
			if strings.HasPrefix(filepath.Base(dir), "pod") {
				found = append(found, "cgroup "+dir)
			}
		}
	}
	return found
}
