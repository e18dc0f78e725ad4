package neighbours

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/proa-sh/proa/test/e2e/box"
)

// patience bounds every wait of the tests.
const patience = 90 * time.Second

// outside is the world beyond the machine, which reaches pods by it.
var outside *box.Outside

func TestMain(m *testing.M) {
	reset := func() error {
		for _, c := range both() {
			if out, err := c.proa("reset", "--yes"); err != nil {
				return fmt.Errorf("take down cluster %s: %w: %s", c.name, err, out)
			}
		}
		return nil
	}
	os.Exit(box.Box{Prefix: "pb", Prepare: prepare, Finally: reset}.Main(m))
}

func prepare() (err error) {
	for _, dir := range []string{"/run", "/var/lib/cni"} {
		if _, err := os.Stat(dir); os.IsNotExist(err) {
			continue
		}
		if err := unix.Mount("tmpfs", dir, "tmpfs", 0, ""); err != nil {
			return fmt.Errorf("mount on %s: %w", dir, err)
		}
	}
	if outside, err = box.MakeNetwork(); err != nil {
		return err
	}
	return outside.Do(func() error {
		return netlink.RouteAdd(&netlink.Route{
			Dst: &net.IPNet{IP: net.IPv4(10, 0, 0, 0), Mask: net.CIDRMask(8, 32)}, Gw: net.ParseIP(box.Address),
		})
	})
}

// cluster is one of the two. number makes its networks and ports.
type cluster struct {
	name   string
	number int
}

func both() []cluster { return []cluster{{"a", 10}, {"b", 20}} }

func (c cluster) dataDir() string  { return filepath.Join(box.Dir(), c.name) }
func (c cluster) dnsAddr() string  { return fmt.Sprintf("10.%d.0.10:53", c.number+1) }
func (c cluster) hostPort() string { return strconv.Itoa(5300 + c.number) }

func (c cluster) proa(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	own := []string{"--config", "", "--data-dir", c.dataDir(), "--node-ip", box.Address,
		"--pod-cidr", fmt.Sprintf("10.%d.0.0/16", c.number), "--service-cidr", fmt.Sprintf("10.%d.0.0/16", c.number+1),
		"--node-cidr", fmt.Sprintf("10.%d.0.0/24", c.number+2)}
	for flag, port := range map[string]int{"--api-port": 6443, "--kubelet-port": 10250, "--proxy-health-port": 10256} {
		own = append(own, flag, strconv.Itoa(port+c.number))
	}
	out, err := exec.CommandContext(ctx, box.Bin("proa"), append(own, args...)...).CombinedOutput()
	return string(out), err
}

// must runs proa, which must succeed, and gives what it printed.
func (c cluster) must(t *testing.T, args ...string) string {
	t.Helper()
	out, err := c.proa(args...)
	if err != nil {
		t.Fatalf("cluster %s: proa %s: %v\n%s", c.name, strings.Join(args, " "), err, out)
	}
	return out
}
