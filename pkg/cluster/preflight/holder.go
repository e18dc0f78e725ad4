package preflight

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/proa-sh/proa/pkg/cluster/process"
)

// holderOf names the process that listens on a TCP port, if it can be found.
func holderOf(address string) string {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return ""
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return ""
	}
	var inodes []string
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		if content, err := os.ReadFile(table); err == nil {
			inodes = append(inodes, listenersIn(string(content), uint16(number))...)
		}
	}
	if len(inodes) == 0 {
		return ""
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return ""
	}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || !holdsSocket(pid, inodes) {
			continue
		}
		if p, err := process.Lookup(pid); err == nil {
			return fmt.Sprintf("process %d (%s)", p.Pid, p.Command)
		}
	}
	return ""
}

// listenersIn reads a table in the form of /proc/net/tcp (proc(5)) and gives the inodes of sockets listening on the port.
func listenersIn(table string, port uint16) []string {
	const localAddress, state, inode = 1, 3, 9
	const listening = "0A"
	suffix := fmt.Sprintf(":%04X", port)
	var inodes []string
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		if len(fields) > inode && fields[state] == listening && strings.HasSuffix(fields[localAddress], suffix) {
			inodes = append(inodes, fields[inode])
		}
	}
	return inodes
}

func holdsSocket(pid int, inodes []string) bool {
	dir := filepath.Join("/proc", strconv.Itoa(pid), "fd")
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false
	}
	for _, entry := range entries {
		target, err := os.Readlink(filepath.Join(dir, entry.Name()))
		if err != nil {
			continue
		}
		inode, isSocket := strings.CutPrefix(strings.TrimSuffix(target, "]"), "socket:[")
		if isSocket && slices.Contains(inodes, inode) {
			return true
		}
	}
	return false
}
