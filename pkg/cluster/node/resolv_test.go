package node

import (
	"os"
	"path/filepath"
	"testing"
)

func TestResolvConf(t *testing.T) {
	for _, test := range []struct {
		name      string
		files     [3]string // content; empty: the file is not there
		want      int
		reachable bool
	}{
		{name: "plain", files: [3]string{"nameserver 192.0.2.1\n"}, want: 0, reachable: true},
		{name: "systemd-resolved", files: [3]string{"nameserver 127.0.0.53\noptions edns0\n", "nameserver 192.0.2.1\n"}, want: 1, reachable: true},
		{name: "dnsmasq of NetworkManager", files: [3]string{"nameserver 127.0.1.1\n", "", "nameserver 192.0.2.1\n"}, want: 2, reachable: true},
		{name: "a file that somebody else has made by hand counts first", files: [3]string{"nameserver 192.0.2.9\n", "nameserver 192.0.2.1\n"}, want: 0, reachable: true},
		{name: "IPv6 loopback", files: [3]string{"nameserver ::1\n", "nameserver 2001:db8::1\n"}, want: 1, reachable: true},
		{name: "no network", files: [3]string{"nameserver 127.0.0.53\n", "# none\n"}, want: 0},
		{name: "nothing", want: 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			var files []string
			for i, content := range test.files {
				files = append(files, filepath.Join(t.TempDir(), "resolv.conf"))
				if content == "" {
					continue
				}
				if err := os.WriteFile(files[i], []byte(content), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			path, content, reachable, err := resolvConf(files)
			if err != nil || path != files[test.want] || string(content) != test.files[test.want] || reachable != test.reachable {
				t.Errorf("got %s with %q, reachable %v, error %v", path, content, reachable, err)
			}
		})
	}
}
