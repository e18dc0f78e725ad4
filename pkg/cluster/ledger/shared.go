package ledger

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// sharedDir is where the ledgers of a machine write down what they use together. It ends with the boot.
const sharedDir = "/run/proa-shared"

// shared is what the ledgers of a machine know of each other. It is held by one process at a time.
type shared struct {
	// Boot is the life of the machine that it was written in.
	Boot    string          `json:"boot"`
	Sysctls []*sharedSysctl `json:"sysctls"`

	dir string
	net string
}

// sharedSysctl is a setting that was made by one of the ledgers.
type sharedSysctl struct {
	Name string `json:"name"`
	// Space is the network namespace, of settings that each has its own of.
	Space string `json:"space,omitempty"`
	Old   string `json:"old"`
	New   string `json:"new"`
	// Links are those that were there before; see reliesOn.
	Links []string `json:"links,omitempty"`
	// Users are the files of the ledgers that count on it.
	Users []string `json:"users"`
}

func (s *sharedSysctl) use(ledger string) {
	if !slices.Contains(s.Users, ledger) {
		s.Users = append(s.Users, ledger)
	}
}

// leave takes away a user, and those whose ledger is gone with what it was for.
func (s *sharedSysctl) leave(ledger string) {
	s.Users = slices.DeleteFunc(s.Users, func(user string) bool {
		_, err := os.Stat(user)
		return user == ledger || errors.Is(err, os.ErrNotExist)
	})
}

// space names the network namespace that a sysctl belongs to, or is empty.
func (s *shared) space(name string) string {
	if strings.HasPrefix(name, "net/") {
		return s.net
	}
	return ""
}

func (s *shared) index(name string) int {
	return slices.IndexFunc(s.Sysctls, func(c *sharedSysctl) bool { return c.Name == name && c.Space == s.space(name) })
}

func (s *shared) find(name string) *sharedSysctl {
	if i := s.index(name); i >= 0 {
		return s.Sysctls[i]
	}
	return nil
}

func (s *shared) drop(name string) {
	s.Sysctls = slices.Delete(s.Sysctls, s.index(name), s.index(name)+1)
}

// set puts a setting in the place of a former one, if there was one, whose users it keeps.
func (s *shared) set(former *sharedSysctl, setting sharedSysctl) *sharedSysctl {
	if former != nil {
		setting.Users = former.Users
		*former = setting
		return former
	}
	s.Sysctls = append(s.Sysctls, &setting)
	return &setting
}

func (s *shared) file() string { return filepath.Join(s.dir, "sysctls.json") }

// save replaces the file in one step; without settings there is none.
func (s *shared) save() error {
	if len(s.Sysctls) == 0 {
		if err := os.Remove(s.file()); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("forget shared settings: %w", err)
		}
		return nil
	}
	content, err := json.MarshalIndent(s, "", "  ")
	if err == nil {
		err = os.WriteFile(s.file()+".new", content, 0o600)
	}
	if err == nil {
		err = os.Rename(s.file()+".new", s.file())
	}
	if err != nil {
		return fmt.Errorf("write down shared settings: %w", err)
	}
	return nil
}

// withShared calls fn while no other process uses what the ledgers of the machine have in common.
func (l *book) withShared(fn func(*shared) error) error {
	dir, err := lockDir(l.shared)
	if err != nil {
		return fmt.Errorf("lock what clusters on this machine share: %w", err)
	}
	defer dir.Close()
	s := &shared{dir: l.shared}
	content, err := os.ReadFile(s.file())
	if err == nil {
		err = json.Unmarshal(content, s)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("read what clusters on this machine share: %w", err)
	}
	if s.Boot != l.boot {
		s.Boot, s.Sysctls = l.boot, nil
	}
	if s.net, err = os.Readlink("/proc/thread-self/ns/net"); err != nil {
		return fmt.Errorf("find network namespace: %w", err)
	}
	defer unix.Rmdir(l.shared) // which fails while something is in it
	if s.forgetGone() {
		if err := s.save(); err != nil {
			return err
		}
	}
	return fn(s)
}

// forgetGone drops the settings of network namespaces that have ended with all who made settings in them, such as those of
// machines that are switched off: nobody will undo them. It says whether there were any.
func (s *shared) forgetGone() bool {
	before := len(s.Sysctls)
	s.Sysctls = slices.DeleteFunc(s.Sysctls, func(c *sharedSysctl) bool {
		return c.Space != "" && c.Space != s.net && !slices.ContainsFunc(c.Users, func(user string) bool {
			_, err := os.Stat(user)
			return !errors.Is(err, os.ErrNotExist)
		})
	})
	return len(s.Sysctls) < before
}

// lockDir makes a directory and locks it until it is closed. Whoever had it before may have removed it.
func lockDir(path string) (*os.File, error) {
	for {
		if err := os.MkdirAll(path, 0o700); err != nil {
			return nil, err
		}
		dir, err := os.Open(path)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if err := flock(dir); err != nil {
			return nil, errors.Join(err, dir.Close())
		}
		locked, err := dir.Stat()
		if err != nil {
			return nil, errors.Join(err, dir.Close())
		}
		if now, err := os.Stat(path); err == nil && os.SameFile(now, locked) {
			return dir, nil
		}
		dir.Close()
	}
}

func flock(file *os.File) error {
	for {
		if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}
