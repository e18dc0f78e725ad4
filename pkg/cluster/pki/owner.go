package pki

import (
	"os"
	"syscall"
)

// ownerOf gives the user and group of a file.
func ownerOf(info os.FileInfo) (user, group int) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return -1, -1
	}
	return int(stat.Uid), int(stat.Gid)
}
