package pki

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// Kubeconfig gives a configuration with the certificates inside, in which cluster, user and context have the same name.
func (s Set) Kubeconfig(name, server, identity string) (*clientcmdapi.Config, error) {
	var content [3][]byte
	for i, path := range []string{s.Cert(CA), s.Cert(identity), s.Key(identity)} {
		var err error
		if content[i], err = os.ReadFile(path); err != nil {
			return nil, fmt.Errorf("make kubeconfig for %s: %w", identity, err)
		}
	}
	config := clientcmdapi.NewConfig()
	config.Clusters[name] = &clientcmdapi.Cluster{Server: server, CertificateAuthorityData: content[0]}
	config.AuthInfos[name] = &clientcmdapi.AuthInfo{ClientCertificateData: content[1], ClientKeyData: content[2]}
	config.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: name}
	config.CurrentContext = name
	return config, nil
}

// WriteKubeconfig writes a configuration of its own to path, which only root can read.
func (s Set) WriteKubeconfig(path, name, server, identity string) error {
	config, err := s.Kubeconfig(name, server, identity)
	if err != nil {
		return err
	}
	content, err := clientcmd.Write(*config)
	if err != nil {
		return fmt.Errorf("encode kubeconfig: %w", err)
	}
	if old, err := os.ReadFile(path); err == nil && string(old) == string(content) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("make directory of kubeconfig: %w", err)
	}
	return writeAtomically(path, content, 0o600)
}

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
	config, err := clientcmd.LoadFromFile(path)
	created := errors.Is(err, os.ErrNotExist)
	if created {
		config = clientcmdapi.NewConfig()
	} else if err != nil {
		return fmt.Errorf("read kubeconfig %q (it was left as it is; mend it, or set KUBECONFIG to another file): %w", path, err)
	}
	before := config.DeepCopy()
	edit(config)
	if !created && reflect.DeepEqual(before, config) {
		return nil
	}
	if isEmpty(config) {
		return os.Remove(path)
	}
	content, err := clientcmd.Write(*config)
	if err != nil {
		return fmt.Errorf("encode kubeconfig: %w", err)
	}
	return replaceKubeconfig(path, content)
}

func isEmpty(config *clientcmdapi.Config) bool {
	return len(config.Clusters)+len(config.AuthInfos)+len(config.Contexts)+len(config.Extensions) == 0 && config.CurrentContext == ""
}

func replaceKubeconfig(path string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("make directory of kubeconfig: %w", err)
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
