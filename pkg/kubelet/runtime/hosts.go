package runtime

import (
	"fmt"
	"os"
	"strings"

	v1 "k8s.io/api/core/v1"
)

// HostsFile is the content of a pod's /etc/hosts. node is the node's own file, used with the host's network.
func HostsFile(pod *v1.Pod, ips []string, domain, node string) string {
	var b strings.Builder
	if pod.Spec.HostNetwork {
		b.WriteString("# Kubernetes-managed hosts file (host network).\n")
		b.WriteString(node)
	} else {
		b.WriteString("# Kubernetes-managed hosts file.\n" +
			"127.0.0.1\tlocalhost\n" +
			"::1\tlocalhost ip6-localhost ip6-loopback\n" +
			"fe00::\tip6-localnet\n" +
			"fe00::\tip6-mcastprefix\n" +
			"fe00::1\tip6-allnodes\n" +
			"fe00::2\tip6-allrouters\n")
		names := ShortHostname(pod)
		if fqdn := FQDN(pod, domain); fqdn != "" {
			names = fqdn + "\t" + names
		}
		if pod.Spec.HostnameOverride != nil {
			names = *pod.Spec.HostnameOverride
		}
		for _, ip := range ips {
			b.WriteString(ip + "\t" + names + "\n")
		}
	}
	if len(pod.Spec.HostAliases) > 0 {
		b.WriteString("\n# Entries added by HostAliases.\n")
		for _, alias := range pod.Spec.HostAliases {
			b.WriteString(alias.IP + "\t" + strings.Join(alias.Hostnames, "\t") + "\n")
		}
	}
	return b.String()
}

// nodeHosts reads the node's file. A node without one has no entries.
func nodeHosts() (string, error) {
	text, err := os.ReadFile("/etc/hosts")
	if os.IsNotExist(err) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read the node's hosts file: %w", err)
	}
	return string(text), nil
}
