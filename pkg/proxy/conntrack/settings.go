package conntrack

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Settings of the kernel's connection tracking, as in KubeProxyConfiguration. Zero
// leaves the kernel's value alone.
type Settings struct {
	// MaxPerCore and Min: the table holds at least this many entries, by core and
	// at all. Min counts only with MaxPerCore.
	MaxPerCore, Min int
	// Timeouts of idle TCP connections, and of UDP ones.
	TCPEstablished, TCPCloseWait time.Duration
	UDP, UDPStream               time.Duration
	// TCPBeLiberal lets packets outside of the TCP window pass.
	TCPBeLiberal bool
}

// Sysctl is a kernel setting below net/netfilter.
type Sysctl struct {
	Name  string
	Value int
	// AtLeast leaves a higher value alone.
	AtLeast bool
}

// Plan returns the kernel settings to make on a machine with so many cores.
func (s Settings) Plan(cores int) []Sysctl {
	var plan []Sysctl
	if s.MaxPerCore > 0 {
		plan = append(plan, Sysctl{Name: "nf_conntrack_max", Value: max(s.MaxPerCore*cores, s.Min), AtLeast: true})
	}
	for _, timeout := range []struct {
		name  string
		value time.Duration
	}{
		{"nf_conntrack_tcp_timeout_established", s.TCPEstablished},
		{"nf_conntrack_tcp_timeout_close_wait", s.TCPCloseWait},
		{"nf_conntrack_udp_timeout", s.UDP},
		{"nf_conntrack_udp_timeout_stream", s.UDPStream},
	} {
		if timeout.value > 0 {
			plan = append(plan, Sysctl{Name: timeout.name, Value: int(timeout.value / time.Second)})
		}
	}
	if s.TCPBeLiberal {
		plan = append(plan, Sysctl{Name: "nf_conntrack_tcp_be_liberal", Value: 1})
	}
	return plan
}

// Apply makes one setting below root, which is /proc/sys/net/netfilter but in tests.
// It does not write what is so already.
func (s Sysctl) Apply(root string) error {
	path := filepath.Join(root, s.Name)
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read kernel setting: %w", err)
	}
	if current, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil {
		if current == s.Value || s.AtLeast && current > s.Value {
			return nil
		}
	}
	if err := os.WriteFile(path, []byte(strconv.Itoa(s.Value)), 0o644); err != nil {
		return fmt.Errorf("write kernel setting: %w", err)
	}
	return nil
}
