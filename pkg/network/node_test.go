package network

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
)

// TestMain runs the tests again in a network and mount namespace of their own.
func TestMain(m *testing.M) {
	const inside = "PROA_TEST_INSIDE_NETNS"
	if os.Getenv(inside) != "" {
		os.Exit(m.Run())
	}
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), inside+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNET, Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL,
	}
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		os.Exit(0)
	case errors.As(err, &exit):
		os.Exit(exit.ExitCode())
	}
	fmt.Fprintln(os.Stderr, "run tests in a new network namespace (needs root):", err)
	os.Exit(1)
}

// book is a ledger that keeps what it is told and, for each, whether it was there
// already, which would be too late.
type book struct {
	mu      sync.Mutex
	entries []string
	fail    string
}

func (b *book) note(entry string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fail != "" && strings.HasPrefix(entry, b.fail) {
		b.fail = ""
		return errors.New("disk is full")
	}
	b.entries = append(b.entries, entry)
	return nil
}

func (b *book) Interface(name string) error { return b.note("interface " + name) }

func (b *book) Route(prefix, gateway, device string) error {
	return b.note("route " + prefix + " via " + gateway + device)
}

func (b *book) NftTable(family, name string) error {
	there := exec.Command("nft", "list", "table", family, name).Run() == nil
	return b.note(fmt.Sprintf("table %s %s (there: %v)", family, name, there))
}

func (b *book) HostPorts(family, table, pods string) error {
	return b.note(fmt.Sprintf("host ports %s %s %s", family, table, pods))
}

func (b *book) NftRules(family, table, chain, comment string) error {
	return b.note(fmt.Sprintf("rules %s %s %s %q", family, table, chain, comment))
}

func (b *book) SetSysctl(name, value string) error {
	if err := b.note("sysctl " + name + "=" + value); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join("/proc/sys", name), []byte(value), 0)
}

func (b *book) File(path string) error {
	_, err := os.Stat(path)
	return b.note(fmt.Sprintf("file %s (there: %v)", filepath.Base(path), err == nil))
}

func (b *book) taken() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.entries...)
}

// eventually waits until the node is healthy for the prefixes.
func eventually(t *testing.T, n *Node, wanted string) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		n.mu.Lock()
		applied := fmt.Sprint(n.applied.own)
		n.mu.Unlock()
		if applied == wanted && n.Healthy() == nil {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("node is set up for %s, want %s: %v", applied, wanted, n.Healthy())
		}
	}
}

func TestNode(t *testing.T) {
	client, ledger, dir := fake.NewClientset(), &book{fail: "file"}, filepath.Join(t.TempDir(), "net.d")
	factory := informers.NewSharedInformerFactory(client, 0)
	n, err := New(Config{
		Informers: factory, NodeName: "n", Ledger: ledger, ConfDir: dir, BridgeName: "proa0",
		ClusterCIDRs: []netip.Prefix{netip.MustParsePrefix("10.244.0.0/16"), netip.MustParsePrefix("fd00:10::/32")},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	factory.Start(ctx.Done())
	go func() { done <- n.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		factory.Shutdown()
	}()

	object := node("n", nil)
	if _, err := client.CoreV1().Nodes().Create(t.Context(), object, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := n.Healthy(); err == nil {
		t.Error("healthy without a pod prefix")
	}
	update := func(cidrs ...string) {
		t.Helper()
		object.Spec.PodCIDRs = cidrs
		if _, err := client.CoreV1().Nodes().Update(t.Context(), object, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	// The first try fails late, the second makes it.
	update("10.244.1.0/24", "fd00:10:1::/64")
	eventually(t, n, "[10.244.1.0/24 fd00:10:1::/64]")
	first := []string{
		"interface proa0",
		"sysctl net/ipv4/ip_forward=1", "sysctl net/bridge/bridge-nf-call-iptables=1",
		"table ip proa-network (there: false)", "host ports ip cni_hostport 10.244.1.0/24",
		"sysctl net/ipv6/conf/all/forwarding=1", "sysctl net/bridge/bridge-nf-call-ip6tables=1",
		"table ip6 proa-network (there: false)", "host ports ip6 cni_hostport fd00:10:1::/64",
	}
	entries := ledger.taken()
	if diff := cmp.Diff(first, entries[:len(first)]); diff != "" {
		t.Errorf("ledger (-want +got):\n%s", diff)
	}
	if last := entries[len(entries)-1]; last != "file 10-proa.conflist (there: false)" {
		t.Errorf("last entry of the ledger is %q", last)
	}
	expectFile(t, dir, `"subnet": "10.244.1.0/24"`)

	update("10.244.2.0/24")
	eventually(t, n, "[10.244.2.0/24]")
	expectFile(t, dir, `"subnet": "10.244.2.0/24"`)
}

func expectFile(t *testing.T, dir, part string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, conflistName))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), part) {
		t.Errorf("CNI configuration lacks %s:\n%s", part, text)
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 1 {
		t.Errorf("files in %s: %v, want one", dir, files)
	}
}

func TestNewNamesWhatIsMissing(t *testing.T) {
	factory := informers.NewSharedInformerFactory(fake.NewClientset(), 0)
	for name, config := range map[string]Config{
		"nothing":      {},
		"no ledger":    {Informers: factory, NodeName: "n", ConfDir: "d", BridgeName: "b"},
		"no node name": {Informers: factory, Ledger: &book{}, ConfDir: "d", BridgeName: "b"},
		"no bridge":    {Informers: factory, Ledger: &book{}, ConfDir: "d", NodeName: "n"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := New(config); err == nil {
				t.Error("no error")
			}
		})
	}
}

// TestRoutesInKernel: routes follow the Nodes, and go by gateways that this node shares a link with.
func TestRoutesInKernel(t *testing.T) {
	newSide(t, "lan", "192.0.2.1/24", "192.0.2.2/24")
	ledger := &book{}
	self := node("a", []string{"10.244.1.0/24"}, "192.0.2.1")
	client := fake.NewClientset(self,
		node("b", []string{"10.244.2.0/24"}, "192.0.2.2"), node("c", []string{"10.244.3.0/24"}, "192.0.2.3"), node("far", []string{"10.244.4.0/24"}, "198.51.100.4"))
	factory := informers.NewSharedInformerFactory(client, 0)
	n, err := New(Config{Informers: factory, NodeName: "a", Ledger: ledger, ConfDir: t.TempDir(), BridgeName: "proa0"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	factory.Start(ctx.Done())
	go func() { done <- n.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		factory.Shutdown()
	}()
	want := func(want ...string) {
		t.Helper()
		var got []string
		deadline := time.After(20 * time.Second)
		for tick := time.Tick(time.Millisecond); ; <-tick {
			if got = kernelRoutes(t); slices.Equal(got, want) {
				return
			}
			select {
			case <-deadline:
				t.Fatalf("routes %q, want %q", got, want)
			default:
			}
		}
	}
	want("10.244.2.0/24 via 192.0.2.2", "10.244.3.0/24 via 192.0.2.3")
	nodes := client.CoreV1().Nodes()
	if err := nodes.Delete(ctx, "c", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	want("10.244.2.0/24 via 192.0.2.2")
	if _, err := nodes.Update(ctx, node("b", []string{"10.244.2.0/24"}, "192.0.2.7"), metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	want("10.244.2.0/24 via 192.0.2.7")
	for _, entry := range []string{"route 10.244.2.0/24 via 192.0.2.2", "route 10.244.3.0/24 via 192.0.2.3", "route 10.244.2.0/24 via 192.0.2.7"} {
		if !slices.Contains(ledger.taken(), entry) {
			t.Errorf("ledger lacks %q", entry)
		}
	}
}

func kernelRoutes(t *testing.T) []string {
	t.Helper()
	list, err := netlink.RouteListFiltered(netlink.FAMILY_V4, &netlink.Route{Protocol: routeProtocol}, netlink.RT_FILTER_PROTOCOL)
	check(t, err)
	var texts []string
	for _, route := range list {
		texts = append(texts, route.Dst.String()+" via "+route.Gw.String())
	}
	slices.Sort(texts)
	return texts
}

func TestMatters(t *testing.T) {
	before := node("n", []string{"10.244.1.0/24"}, "192.0.2.1")
	for name, test := range map[string]struct {
		change func(*corev1.Node)
		want   bool
	}{
		"heartbeat": {func(n *corev1.Node) { n.Status.Conditions = []corev1.NodeCondition{{Type: "Ready"}} }, false},
		"prefix":    {func(n *corev1.Node) { n.Spec.PodCIDRs = nil }, true},
		"address":   {func(n *corev1.Node) { n.Status.Addresses[0].Address = "192.0.2.2" }, true},
		"leaving":   {func(n *corev1.Node) { n.DeletionTimestamp = &metav1.Time{Time: time.Unix(1, 0)} }, true},
	} {
		after := before.DeepCopy()
		test.change(after)
		if got := matters(before, after); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
