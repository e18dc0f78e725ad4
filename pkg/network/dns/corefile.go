package dns

import (
	"bufio"
	"bytes"
	"net/netip"
	"strings"
)

// Upstream is who is asked for names that are not the cluster's.
type Upstream struct {
	// Servers are addresses, or the path of a resolv.conf file; none: nobody.
	Servers []string
	// MayLoop is set when the servers are not known to us and could ask us back.
	MayLoop bool
}

// resolvConf is where a pod with the node's name service finds it.
const resolvConf = "/etc/resolv.conf"

// UpstreamOf decides from the content of the node's resolv.conf. A server on loopback
// is on the node's loopback; CoreDNS would find itself there and stop. So those are
// left out, and if no other remains, names outside of the cluster have no answer.
func UpstreamOf(content []byte) Upstream {
	var remote []string
	local := false
	scanner := bufio.NewScanner(bytes.NewReader(content))
	for scanner.Scan() {
		fields := strings.Fields(scanner.Text())
		if len(fields) < 2 || fields[0] != "nameserver" {
			continue
		}
		addr, err := netip.ParseAddr(fields[1])
		switch {
		case err != nil:
		case addr.Unmap().IsLoopback() || addr.IsUnspecified():
			local = true
		default:
			remote = append(remote, fields[1])
		}
	}
	switch {
	case len(remote) == 0:
		return Upstream{}
	case local:
		return Upstream{Servers: remote, MayLoop: true}
	}
	// By the file, so that CoreDNS follows when it changes.
	return Upstream{Servers: []string{resolvConf}, MayLoop: true}
}

// corefile is CoreDNS' configuration.
func corefile(domain string, upstream Upstream) string {
	var b strings.Builder
	line := func(depth int, words ...string) {
		b.WriteString(strings.Repeat("    ", depth) + strings.Join(words, " ") + "\n")
	}
	line(0, ".:53 {")
	line(1, "errors")
	line(1, "health {")
	line(2, "lameduck 5s")
	line(1, "}")
	line(1, "ready")
	line(1, "kubernetes", domain, "in-addr.arpa ip6.arpa {")
	line(2, "pods insecure")
	line(2, "fallthrough in-addr.arpa ip6.arpa")
	line(2, "ttl 30")
	line(1, "}")
	line(1, "prometheus :9153")
	if len(upstream.Servers) > 0 {
		line(1, "forward .", strings.Join(upstream.Servers, " "), "{")
		line(2, "max_concurrent 1000")
		line(1, "}")
	}
	line(1, "cache 30")
	if upstream.MayLoop {
		line(1, "loop")
	}
	line(1, "reload")
	line(1, "loadbalance")
	line(0, "}")
	return b.String()
}
