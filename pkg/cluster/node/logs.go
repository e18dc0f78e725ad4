package node

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/proa-sh/proa/pkg/cluster/ledger"
)

// Where log collectors look for the logs of pods on a node, and for flat links to them.
const (
	podLogs       = "/var/log/pods"
	containerLogs = "/var/log/containers"
)

// LogPlaces are the node's own directories of logs by the places at which collectors look for them.
func (c Config) LogPlaces() map[string]string {
	return map[string]string{podLogs: c.PodLogsDir(), containerLogs: c.LogLinksDir()}
}

// publishLogs shows the logs at the places for collectors, unless there are those of another kubelet. The logs stay in the node's
// directory, and with them what ended pods have written.
func (n *Node) publishLogs() error {
	if !n.Config.HostLogs {
		return nil
	}
	occupied, err := bindLogs(n.Ledger, n.Config.LogPlaces())
	if err != nil {
		return fmt.Errorf("show logs of pods: %w", err)
	}
	n.hostLogs = occupied == ""
	if occupied != "" {
		n.Service.Timeline.Note("Warning: log collectors do not find the logs of pods, which are in " + n.Config.PodLogsDir() + ": others have theirs in " + occupied)
	}
	return nil
}

// ofKubelet is the node as its kubelet is to see it.
func (n *Node) ofKubelet() Config {
	c := n.Config
	c.HostLogs = n.hostLogs
	return c
}

// bindLogs mounts directories at places, all or none: it names a place in which something else is. It may be repeated.
func bindLogs(l *ledger.Ledger, places map[string]string) (occupied string, err error) {
	missing := map[string]string{}
	for place, dir := range places {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return "", err
		}
		own, err := os.Stat(dir)
		if err != nil {
			return "", err
		}
		if there, err := os.Stat(place); err == nil && os.SameFile(there, own) {
			continue
		}
		entries, err := os.ReadDir(place)
		if err != nil && !os.IsNotExist(err) {
			return "", err
		}
		if len(entries) > 0 {
			return place, nil
		}
		missing[place] = dir
	}
	for place, dir := range missing {
		if err := l.SharedDir(place); err != nil {
			return "", err
		}
		if err := l.Mount(place); err != nil {
			return "", err
		}
		if err := os.MkdirAll(place, 0o755); err != nil {
			return "", err
		}
		if err := unix.Mount(dir, place, "", unix.MS_BIND, ""); err != nil {
			return "", fmt.Errorf("mount on %s: %w", place, err)
		}
	}
	return "", nil
}
