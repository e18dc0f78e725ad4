package node

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
	v1 "k8s.io/api/core/v1"
	"k8s.io/component-base/version"
)

// ReadSystem reads what identifies this machine and its system; the runtime's version is added when the runtime tells it.
// swap is the swap space in bytes.
func ReadSystem(swap int64) (v1.NodeSystemInfo, error) {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return v1.NodeSystemInfo{}, fmt.Errorf("read kernel version: %w", err)
	}
	info, err := readSystem("/")
	if err != nil {
		return v1.NodeSystemInfo{}, err
	}
	info.KernelVersion = unix.ByteSliceToString(name.Release[:])
	if swap > 0 {
		info.Swap = &v1.NodeSwapStatus{Capacity: &swap}
	}
	return info, nil
}

// readSystem reads the files below base.
func readSystem(base string) (v1.NodeSystemInfo, error) {
	info := v1.NodeSystemInfo{
		OperatingSystem: runtime.GOOS,
		Architecture:    runtime.GOARCH,
		KubeletVersion:  version.Get().GitVersion,
	}
	var err error
	if info.MachineID, err = firstFile(base, "etc/machine-id", "var/lib/dbus/machine-id"); err != nil {
		return info, fmt.Errorf("read machine ID: %w", err)
	}
	if info.SystemUUID, err = firstFile(base, "sys/class/dmi/id/product_uuid", "proc/device-tree/vm,uuid", "etc/machine-id"); err != nil {
		return info, fmt.Errorf("read system UUID: %w", err)
	}
	info.SystemUUID = strings.ToLower(info.SystemUUID)
	if info.BootID, err = firstFile(base, "proc/sys/kernel/random/boot_id"); err != nil {
		return info, fmt.Errorf("read boot ID: %w", err)
	}
	release, err := firstFile(base, "etc/os-release", "usr/lib/os-release")
	if err != nil {
		return info, fmt.Errorf("read name of the operating system: %w", err)
	}
	info.OSImage = prettyName(release)
	return info, nil
}

// firstFile gives the text of the first file that is there; empty when none is, which small systems are allowed.
func firstFile(base string, names ...string) (string, error) {
	for _, name := range names {
		data, err := os.ReadFile(filepath.Join(base, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return "", err
		}
		if text := strings.Trim(string(data), " \n\x00"); text != "" {
			return text, nil
		}
	}
	return "", nil
}

// prettyName reads PRETTY_NAME of an os-release file (os-release(5)); "Linux" is the default named there.
func prettyName(release string) string {
	for line := range strings.Lines(release) {
		value, ok := strings.CutPrefix(strings.TrimSpace(line), "PRETTY_NAME=")
		if !ok {
			continue
		}
		if text, err := strconv.Unquote(value); err == nil {
			return text
		}
		return strings.Trim(value, `'"`)
	}
	return "Linux"
}
