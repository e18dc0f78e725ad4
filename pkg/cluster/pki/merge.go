package pki

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// MergeKubeconfig puts the cluster, user and context of add into the user's kubeconfig and touches nothing else in it. It
// becomes the current context only if there is none. The file is the one kubectl would change: of those in KUBECONFIG,
// or else ~/.kube/config. It returns its path.
func MergeKubeconfig(add *clientcmdapi.Config) (string, error) {
	path := userKubeconfig(add)
	return path, editKubeconfig(path, func(config *clientcmdapi.Config) {
		for name, cluster := range add.Clusters {
			config.Clusters[name] = cluster
		}
		for name, user := range add.AuthInfos {
			config.AuthInfos[name] = user
		}
		for name, context := range add.Contexts {
			config.Contexts[name] = context
		}
		if config.CurrentContext == "" {
			config.CurrentContext = add.CurrentContext
		}
	})
}

// RemoveFromKubeconfig takes the cluster, user and context of that name out of every file that kubectl would read. A file
// in which nothing is left is removed.
func RemoveFromKubeconfig(name string) error {
	var faults []error
	for _, path := range kubeconfigFiles() {
		if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
			continue
		}
		faults = append(faults, editKubeconfig(path, func(config *clientcmdapi.Config) {
			delete(config.Clusters, name)
			delete(config.AuthInfos, name)
			delete(config.Contexts, name)
			if config.CurrentContext == name {
				config.CurrentContext = ""
			}
		}))
	}
	return errors.Join(faults...)
}

func kubeconfigFiles() []string {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	return rules.Precedence
}

// userKubeconfig is the file that has the cluster already, or else the first that exists, or else the first.
func userKubeconfig(add *clientcmdapi.Config) string {
	files := kubeconfigFiles()
	chosen := ""
	for _, path := range files {
		config, err := clientcmd.LoadFromFile(path)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if chosen == "" {
			chosen = path
		}
		if err == nil && config.Clusters[add.CurrentContext] != nil {
			return path
		}
	}
	if chosen == "" {
		return files[0]
	}
	return chosen
}

// editKubeconfig changes a file in one step. A symbolic link is followed and stays; mode and owner stay; a file that
// cannot be understood is left alone.
func editKubeconfig(path string, edit func(*clientcmdapi.Config)) error {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	// What needs no change needs no lock, nor a file that can be written.
	if _, changed, err := edited(path, edit); err != nil || !changed {
		return err
	}
	unlock, err := lockKubeconfig(path)
	if err != nil {
		return err
	}
	config, changed, err := edited(path, edit)
	switch {
	case err != nil || !changed:
	case isEmpty(config):
		err = os.Remove(path)
	default:
		err = replaceKubeconfig(path, config)
	}
	return errors.Join(err, unlock())
}

// edited gives what the file would be, and whether that is another than it is.
func edited(path string, edit func(*clientcmdapi.Config)) (config *clientcmdapi.Config, changed bool, err error) {
	config, err = clientcmd.LoadFromFile(path)
	created := errors.Is(err, os.ErrNotExist)
	if created {
		config = clientcmdapi.NewConfig()
	} else if err != nil {
		return nil, false, fmt.Errorf("read kubeconfig %q (it was left as it is; mend it, or set KUBECONFIG to another file): %w", path, err)
	}
	before := config.DeepCopy()
	edit(config)
	return config, created || !reflect.DeepEqual(before, config), nil
}

// lockWithin is how long kubectl may take to change a file.
const lockWithin = 2 * time.Second

// lockKubeconfig keeps kubectl, and others that use its library, from changing the file at the same time: as they do, it
// makes a file beside it that must not exist.
func lockKubeconfig(path string) (unlock func() error, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("make directory of kubeconfig: %w", err)
	}
	lock := path + ".lock"
	deadline := time.NewTimer(lockWithin)
	defer deadline.Stop()
	retry := time.NewTicker(10 * time.Millisecond)
	defer retry.Stop()
	for {
		file, err := os.OpenFile(lock, os.O_CREATE|os.O_EXCL, 0)
		if err == nil {
			return func() error { return os.Remove(lock) }, file.Close()
		}
		if !errors.Is(err, os.ErrExist) {
			return nil, fmt.Errorf("lock kubeconfig: %w", err)
		}
		select {
		case <-retry.C:
		case <-deadline.C:
			return nil, fmt.Errorf("lock kubeconfig: somebody changes it (if nobody does, remove %s): %w", lock, err)
		}
	}
}

func isEmpty(config *clientcmdapi.Config) bool {
	return len(config.Clusters)+len(config.AuthInfos)+len(config.Contexts)+len(config.Extensions) == 0 && config.CurrentContext == ""
}

func replaceKubeconfig(path string, config *clientcmdapi.Config) error {
	content, err := clientcmd.Write(*config)
	if err != nil {
		return fmt.Errorf("encode kubeconfig: %w", err)
	}
	mode, owner := os.FileMode(0o600), -1
	group := -1
	if info, err := os.Stat(path); err == nil {
		mode = info.Mode().Perm()
		owner, group = ownerOf(info)
	}
	if err := writeAtomically(path, content, mode); err != nil {
		return err
	}
	if owner < 0 {
		return nil
	}
	if err := os.Chown(path, owner, group); err != nil {
		return fmt.Errorf("give kubeconfig back to its owner: %w", err)
	}
	return nil
}
