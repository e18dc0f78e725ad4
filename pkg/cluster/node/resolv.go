package node

import (
	"fmt"
	"os"

	"github.com/proa-sh/proa/pkg/network/dns"
)

// resolvConfs are the files in which a machine may name its name servers. Where a resolver of the machine itself is asked first,
// /etc/resolv.conf has only its address, 127.0.0.53 or the like, at which pods find nobody; the resolver then has the others.
func resolvConfs() []string {
	return []string{"/etc/resolv.conf", "/run/systemd/resolve/resolv.conf", "/run/NetworkManager/no-stub-resolv.conf"}
}

// ResolvConf is the file with name servers that pods can reach, and its content. reachable is false if no file names one: then it
// is the usual file, which need not exist.
func ResolvConf() (path string, content []byte, reachable bool, err error) {
	return resolvConf(resolvConfs())
}

func resolvConf(files []string) (path string, content []byte, reachable bool, err error) {
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil && !os.IsNotExist(err) {
			return "", nil, false, fmt.Errorf("read name servers of this machine: %w", err)
		}
		if len(dns.UpstreamOf(text).Servers) > 0 {
			return file, text, true, nil
		}
		if file == files[0] {
			content = text
		}
	}
	return files[0], content, false, nil
}
