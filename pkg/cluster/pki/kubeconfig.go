package pki

import (
	"fmt"
	"os"
	"path/filepath"

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
	return writeConfig(config, path)
}

// WriteComponentKubeconfig is WriteKubeconfig with the paths of the certificates instead of their content, for programs that go on
// when those are renewed.
func (s Set) WriteComponentKubeconfig(path, name, server, identity string) error {
	config, err := s.Kubeconfig(name, server, identity)
	if err != nil {
		return err
	}
	config.Clusters[name] = &clientcmdapi.Cluster{Server: server, CertificateAuthority: s.Cert(CA)}
	config.AuthInfos[name] = &clientcmdapi.AuthInfo{ClientCertificate: s.Cert(identity), ClientKey: s.Key(identity)}
	return writeConfig(config, path)
}

func writeConfig(config *clientcmdapi.Config, path string) error {
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
