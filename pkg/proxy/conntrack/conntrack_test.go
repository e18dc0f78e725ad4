package conntrack

import (
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/proa-sh/proa/pkg/proxy/internal/netnstest"
	"github.com/proa-sh/proa/pkg/proxy/model"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
)

func TestMain(m *testing.M) { os.Exit(netnstest.Main(m)) }

func flow(protocol uint8, original, answering string) *netlink.ConntrackFlow {
	client, to, from := net.IPv4(10, 1, 0, 9), netip.MustParseAddrPort(original), netip.MustParseAddrPort(answering)
	return &netlink.ConntrackFlow{
		FamilyType: unix.AF_INET,
		TimeOut:    100,
		Forward: netlink.IPTuple{Protocol: protocol, SrcIP: client, SrcPort: 40000,
			DstIP: net.IP(to.Addr().AsSlice()), DstPort: to.Port()},
		Reverse: netlink.IPTuple{Protocol: protocol, SrcIP: net.IP(from.Addr().AsSlice()), SrcPort: from.Port(),
			DstIP: client, DstPort: 40000},
	}
}

func port(protocol corev1.Protocol, any, local []string, fronts ...string) *model.ServicePort {
	p := &model.ServicePort{Name: model.PortName{Protocol: protocol}}
	for _, text := range fronts {
		at := netip.MustParseAddrPort(text)
		p.Exposures = append(p.Exposures, model.Exposure{Front: model.Front{Addr: at.Addr(), Port: at.Port(), Protocol: protocol}})
	}
	for _, text := range any {
		p.Any = append(p.Any, netip.MustParseAddrPort(text))
	}
	for _, text := range local {
		p.Local = append(p.Local, netip.MustParseAddrPort(text))
	}
	return p
}

func TestStale(t *testing.T) {
	fronts := Fronts{}
	fronts.Add(port(corev1.ProtocolUDP, []string{"10.1.0.1:5353"}, []string{"10.1.0.2:5353"}, "10.96.0.10:53", "192.0.2.1:30053"), false)
	fronts.Add(port(corev1.ProtocolUDP, []string{"10.1.0.3:1"}, nil, "10.96.0.11:53"), true)
	fronts.Add(port(corev1.ProtocolTCP, nil, nil, "10.96.0.12:80"), true)
	for name, test := range map[string]struct {
		flow *netlink.ConntrackFlow
		want bool
	}{
		"endpoint is there":             {flow(unix.IPPROTO_UDP, "10.96.0.10:53", "10.1.0.1:5353"), false},
		"local endpoint is there":       {flow(unix.IPPROTO_UDP, "192.0.2.1:30053", "10.1.0.2:5353"), false},
		"endpoint is gone":              {flow(unix.IPPROTO_UDP, "10.96.0.10:53", "10.1.0.7:5353"), true},
		"endpoint has another port":     {flow(unix.IPPROTO_UDP, "10.96.0.10:53", "10.1.0.1:53"), true},
		"began before the Service":      {flow(unix.IPPROTO_UDP, "10.96.0.10:53", "10.96.0.10:53"), true},
		"Service is gone":               {flow(unix.IPPROTO_UDP, "10.96.0.11:53", "10.1.0.3:1"), true},
		"not a Service":                 {flow(unix.IPPROTO_UDP, "10.96.0.10:54", "10.96.0.10:54"), false},
		"TCP":                           {flow(unix.IPPROTO_TCP, "10.96.0.10:53", "10.1.0.7:5353"), false},
		"TCP Service that is gone":      {flow(unix.IPPROTO_TCP, "10.96.0.12:80", "10.1.0.7:5353"), false},
		"straight to the endpoint":      {flow(unix.IPPROTO_UDP, "10.1.0.1:5353", "10.1.0.1:5353"), false},
		"without an address, as broken": {&netlink.ConntrackFlow{Forward: netlink.IPTuple{Protocol: unix.IPPROTO_UDP}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := fronts.MatchConntrackFlow(test.flow); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestForgetInKernel(t *testing.T) {
	answering := map[uint16]string{40001: "10.1.0.1:5353", 40002: "10.1.0.2:5353"}
	for client, endpoint := range answering {
		f := flow(unix.IPPROTO_UDP, "10.96.0.10:53", endpoint)
		f.Forward.SrcPort, f.Reverse.DstPort = client, client
		if err := netlink.ConntrackCreate(netlink.ConntrackTable, unix.AF_INET, f); err != nil {
			t.Fatal(err)
		}
	}
	fronts := Fronts{}
	fronts.Add(port(corev1.ProtocolUDP, []string{"10.1.0.1:5353"}, nil, "10.96.0.10:53"), false)
	deleted, err := fronts.Forget(corev1.IPv4Protocol)
	if err != nil || deleted != 1 {
		t.Errorf("deleted %d entries, error %v; want 1", deleted, err)
	}
	left, err := netlink.ConntrackTableList(netlink.ConntrackTable, unix.AF_INET)
	if err != nil {
		t.Fatal(err)
	}
	var clients []uint16
	for _, f := range left {
		clients = append(clients, f.Forward.SrcPort)
	}
	if diff := cmp.Diff([]uint16{40001}, clients); diff != "" {
		t.Errorf("clients that are left (-want +got):\n%s", diff)
	}
}

func TestSettingsPlan(t *testing.T) {
	full := Settings{
		MaxPerCore: 100, Min: 1000, TCPEstablished: 24 * time.Hour, TCPCloseWait: time.Hour,
		UDP: 30 * time.Second, UDPStream: 5 * time.Minute, TCPBeLiberal: true,
	}
	want := []Sysctl{
		{Name: "nf_conntrack_max", Value: 1000, AtLeast: true},
		{Name: "nf_conntrack_tcp_timeout_established", Value: 86400},
		{Name: "nf_conntrack_tcp_timeout_close_wait", Value: 3600},
		{Name: "nf_conntrack_udp_timeout", Value: 30},
		{Name: "nf_conntrack_udp_timeout_stream", Value: 300},
		{Name: "nf_conntrack_tcp_be_liberal", Value: 1},
	}
	if diff := cmp.Diff(want, full.Plan(2)); diff != "" {
		t.Errorf("all (-want +got):\n%s", diff)
	}
	if got := full.Plan(20)[0].Value; got != 2000 {
		t.Errorf("20 cores: maximum is %d, want 2000", got)
	}
	if got := (Settings{Min: 1000}).Plan(2); got != nil {
		t.Errorf("nothing asked for: got %v", got)
	}
}

func TestSysctlApply(t *testing.T) {
	for name, test := range map[string]struct {
		before  string
		setting Sysctl
		want    string
	}{
		"other value":       {"5\n", Sysctl{Name: "x", Value: 7}, "7"},
		"same value":        {"7\n", Sysctl{Name: "x", Value: 7}, "7\n"},
		"higher is set":     {"9\n", Sysctl{Name: "x", Value: 7}, "7"},
		"higher is enough":  {"9\n", Sysctl{Name: "x", Value: 7, AtLeast: true}, "9\n"},
		"lower is too less": {"5\n", Sysctl{Name: "x", Value: 7, AtLeast: true}, "7"},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			path := filepath.Join(root, "x")
			if err := os.WriteFile(path, []byte(test.before), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := test.setting.Apply(root); err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
	if err := (Sysctl{Name: "missing", Value: 1}).Apply(t.TempDir()); err == nil {
		t.Error("no error for a setting that the kernel does not have")
	}
}
