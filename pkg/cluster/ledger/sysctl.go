package ledger

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
	"k8s.io/klog/v2"
)

const sysctlRoot = "/proc/sys"

func readSysctl(name string) (string, error) {
	content, err := os.ReadFile(filepath.Join(sysctlRoot, name))
	return strings.TrimSpace(string(content)), err
}

// SetSysctl sets a sysctl, named with dots or as a path below /proc/sys, after writing down the value it had. One that has the
// value already is left alone, and is written down only if another ledger on this machine has set it: then it is used by both.
func (l *Ledger) SetSysctl(name, value string) error {
	name, value = sysctlPath(name), strings.TrimSpace(value)
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.withShared(func(s *shared) error {
		now, err := readSysctl(name)
		if err != nil {
			return fmt.Errorf("read sysctl %s: %w", name, err)
		}
		setting := s.find(name)
		if now == value && (setting == nil || setting.New != value) {
			return nil
		}
		if now != value {
			links, err := forwardingLinks()
			if err != nil {
				return err
			}
			setting = s.set(setting, sharedSysctl{Name: name, Space: s.space(name), Old: now, New: value, Links: links})
		}
		e := Entry{Kind: Sysctl, Name: name, Old: []byte(setting.Old), New: []byte(value), Existed: true, Except: setting.Links}
		if err := l.recordLocked(e); err != nil {
			return err
		}
		setting.use(l.path)
		if err := s.save(); err != nil {
			return err
		}
		if now == value {
			return nil
		}
		if err := os.WriteFile(filepath.Join(sysctlRoot, name), []byte(value), 0); err != nil {
			return fmt.Errorf("set sysctl %s to %q: %w", name, value, err)
		}
		return nil
	})
}

// undoSysctl restores the old value, unless somebody else has set another since, or counts on this one.
func (l *Ledger) undoSysctl(ctx context.Context, e Entry) error {
	return l.withShared(func(s *shared) error {
		if setting := s.find(e.Name); setting != nil {
			setting.leave(l.path)
			if len(setting.Users) > 0 {
				klog.FromContext(ctx).V(2).Info("Left a setting that others use", "sysctl", e.Name, "users", setting.Users)
				return s.save()
			}
			s.drop(e.Name)
			if err := s.save(); err != nil {
				return err
			}
		}
		now, err := readSysctl(e.Name)
		if errors.Is(err, os.ErrNotExist) { // of an interface that is gone
			return nil
		}
		if err != nil || now != strings.TrimSpace(string(e.New)) {
			return err
		}
		user, err := l.reliesOn(e)
		if err != nil {
			return err
		}
		if user != "" {
			klog.FromContext(ctx).Info("Left a setting that others may count on", "sysctl", e.Name, "value", now, "link", user)
			return nil
		}
		return os.WriteFile(filepath.Join(sysctlRoot, e.Name), e.Old, 0)
	})
}

// forwarding says whether the sysctl lets a machine pass packets on, which other programs that network containers and virtual
// machines need, and find done when we have done it.
func forwarding(name string) bool {
	return slices.Contains([]string{"net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"}, name) || strings.HasPrefix(name, "net/bridge/")
}

// reliesOn names a link that has come since the sysctl was set, is not ours, and has packets passed on to it.
func (l *Ledger) reliesOn(e Entry) (string, error) {
	if !forwarding(e.Name) {
		return "", nil
	}
	links, err := forwardingLinks()
	if err != nil {
		return "", err
	}
	for _, link := range links {
		ours := slices.ContainsFunc(l.standing, func(s Entry) bool { return s.Kind == Interface && s.Name == link })
		if !ours && !slices.Contains(e.Except, link) {
			return link, nil
		}
	}
	return "", nil
}

// forwardingLinks names the links behind which there are containers, virtual machines or other networks.
func forwardingLinks() ([]string, error) {
	links, err := netlink.LinkList()
	if err != nil {
		return nil, fmt.Errorf("list links: %w", err)
	}
	var names []string
	for _, link := range links {
		if slices.Contains([]string{"bridge", "tuntap", "tun", "wireguard", "vxlan"}, link.Type()) {
			names = append(names, link.Attrs().Name)
		}
	}
	return names, nil
}
