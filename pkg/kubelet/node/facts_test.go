package node

import (
	"net"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	"k8s.io/component-base/version"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

func TestReadSystem(t *testing.T) {
	base := t.TempDir()
	for name, text := range map[string]string{
		"etc/machine-id":                 "abc\n",
		"sys/class/dmi/id/product_uuid":  "ABC-DEF\n",
		"proc/sys/kernel/random/boot_id": "boot\n",
		"usr/lib/os-release":             "NAME=x\nPRETTY_NAME=\"Debian \\\"12\\\"\"\n",
	} {
		path := filepath.Join(base, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := readSystem(base)
	want := v1.NodeSystemInfo{
		MachineID: "abc", SystemUUID: "abc-def", BootID: "boot", OSImage: `Debian "12"`, KubeletVersion: version.Get().GitVersion,
		OperatingSystem: runtime.GOOS, Architecture: runtime.GOARCH,
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	real, err := ReadSystem(1 << 20)
	if err != nil || real.KernelVersion == "" || *real.Swap.Capacity != 1<<20 {
		t.Errorf("this machine: %+v, %v", real, err)
	}
}

func TestPrettyName(t *testing.T) {
	for release, want := range map[string]string{
		"PRETTY_NAME=\"A B\"\n": "A B", "PRETTY_NAME='A B'\n": "A B", "PRETTY_NAME=Arch": "Arch", "": "Linux",
	} {
		if got := prettyName(release); got != want {
			t.Errorf("%q: %q, want %q", release, got, want)
		}
	}
}

func TestAddresses(t *testing.T) {
	ip := net.ParseIP
	got, err := Addresses("host", []net.IP{ip("10.0.0.1"), ip("fd00::1")})
	want := []v1.NodeAddress{
		{Type: v1.NodeInternalIP, Address: "10.0.0.1"}, {Type: v1.NodeInternalIP, Address: "fd00::1"}, {Type: v1.NodeHostName, Address: "host"},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	for _, bad := range [][]net.IP{{ip("127.0.0.1")}, {ip("169.254.1.1")}, {ip("224.0.0.1")}, {ip("10.0.0.1"), ip("10.0.0.2")}} {
		if got, err := Addresses("host", bad); err == nil {
			t.Errorf("%v gave %v", bad, got)
		}
	}
}

func TestReportImages(t *testing.T) {
	images := []*runtimeapi.Image{
		{RepoTags: []string{"small:1"}, Size: 10},
		{RepoDigests: []string{"large@sha256:1"}, RepoTags: []string{"l:1", "l:2", "l:3", "l:4", "l:5"}, Size: 1000},
		{RepoTags: []string{"middle:1"}, Size: 100},
	}
	large := v1.ContainerImage{Names: []string{"large@sha256:1", "l:1", "l:2", "l:3", "l:4"}, SizeBytes: 1000}
	middle := v1.ContainerImage{Names: []string{"middle:1"}, SizeBytes: 100}
	small := v1.ContainerImage{Names: []string{"small:1"}, SizeBytes: 10}
	for limit, want := range map[int][]v1.ContainerImage{-1: {large, middle, small}, 2: {large, middle}, 0: {}} {
		if diff := cmp.Diff(want, reportImages(images, limit)); diff != "" {
			t.Errorf("limit %d (-want +got):\n%s", limit, diff)
		}
	}
}
