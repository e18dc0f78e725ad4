package images

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"sort"
	"strings"

	v1 "k8s.io/api/core/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// dockerHub is the registry of image names without one; its entry in docker's file has this odd historical form too.
const (
	dockerHub      = "docker.io"
	dockerHubIndex = "index.docker.io"
)

// Keyring finds credentials for an image by registry and path.
type Keyring struct {
	// entries are the most specific first.
	entries []entry
}

type entry struct {
	// host may hold * per label; path is a prefix.
	host, path string
	auth       *runtimeapi.AuthConfig
}

// dockerAuth is one value of "auths" in docker's config.json.
type dockerAuth struct {
	Username      string `json:"username"`
	Password      string `json:"password"`
	Auth          string `json:"auth"`
	IdentityToken string `json:"identitytoken"`
}

// Add reads a file in the form of docker's config.json, or of the older .dockercfg when legacy.
func (k *Keyring) Add(data []byte, legacy bool) error {
	var file struct {
		Auths map[string]dockerAuth `json:"auths"`
	}
	var err error
	if legacy {
		err = json.Unmarshal(data, &file.Auths)
	} else {
		err = json.Unmarshal(data, &file)
	}
	if err != nil {
		// The decoder's message may quote the credentials.
		return fmt.Errorf("decode registry credentials: not a valid docker configuration")
	}
	for server, a := range file.Auths {
		e, err := newEntry(server, a)
		if err != nil {
			return err
		}
		k.entries = append(k.entries, e)
	}
	sort.SliceStable(k.entries, func(i, j int) bool {
		return len(k.entries[i].host+k.entries[i].path) > len(k.entries[j].host+k.entries[j].path)
	})
	return nil
}

func newEntry(server string, a dockerAuth) (entry, error) {
	name := server
	if _, rest, ok := strings.Cut(name, "://"); ok {
		name = rest
	}
	host, p, _ := strings.Cut(name, "/")
	if host == dockerHubIndex || host == "registry-1."+dockerHub {
		host, p = dockerHub, ""
	}
	// The version of the registry's API is no part of an image's path.
	if p = strings.Trim(p, "/"); p == "v1" || p == "v2" {
		p = ""
	}
	auth := &runtimeapi.AuthConfig{
		Username: a.Username, Password: a.Password, IdentityToken: a.IdentityToken, ServerAddress: server,
	}
	if a.Auth != "" {
		plain, err := base64.StdEncoding.DecodeString(a.Auth)
		if err != nil {
			return entry{}, fmt.Errorf("decode registry credentials for %q: auth is not base64", server)
		}
		user, password, ok := strings.Cut(string(plain), ":")
		if !ok {
			return entry{}, fmt.Errorf("decode registry credentials for %q: auth is not user:password", server)
		}
		auth.Username, auth.Password = user, strings.TrimRight(password, "\x00")
	}
	return entry{host: host, path: p, auth: auth}, nil
}

// Find returns the credentials to try for an image, the most specific first.
func (k *Keyring) Find(image string) []*runtimeapi.AuthConfig {
	host, p := splitImage(image)
	var found []*runtimeapi.AuthConfig
	for _, e := range k.entries {
		if matchHost(e.host, host) && matchPath(e.path, p) {
			found = append(found, e.auth)
		}
	}
	return found
}

// splitImage gives registry and path. The first part is a registry if it looks like a host name.
func splitImage(image string) (host, p string) {
	first, rest, ok := strings.Cut(image, "/")
	if !ok || !strings.ContainsAny(first, ".:") && first != "localhost" {
		return dockerHub, image
	}
	if first == dockerHubIndex {
		first = dockerHub
	}
	return first, rest
}

// matchHost compares label by label, so that * stands for one label; the port must be equal.
func matchHost(pattern, host string) bool {
	patternName, patternPort, _ := strings.Cut(pattern, ":")
	name, port, _ := strings.Cut(host, ":")
	if patternPort != port {
		return false
	}
	want, have := strings.Split(patternName, "."), strings.Split(name, ".")
	if len(want) != len(have) {
		return false
	}
	for i := range want {
		if ok, err := path.Match(want[i], have[i]); err != nil || !ok {
			return false
		}
	}
	return true
}

func matchPath(prefix, p string) bool {
	if prefix == "" {
		return true
	}
	rest, ok := strings.CutPrefix(p, prefix)
	return ok && (rest == "" || strings.ContainsAny(rest[:1], "/:@"))
}

// addSecret adds a pull secret of either kind.
func (k *Keyring) addSecret(secret *v1.Secret) error {
	if data, ok := secret.Data[v1.DockerConfigJsonKey]; ok && secret.Type == v1.SecretTypeDockerConfigJson {
		return k.Add(data, false)
	}
	if data, ok := secret.Data[v1.DockerConfigKey]; ok && secret.Type == v1.SecretTypeDockercfg {
		return k.Add(data, true)
	}
	return nil
}

// addNode adds the node's own credentials: config.json in the kubelet's root, then in the directory of the user's docker.
func (k *Keyring) addNode(files []string) error {
	for _, file := range files {
		data, err := os.ReadFile(file)
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			return fmt.Errorf("read registry credentials: %w", err)
		}
		if err := k.Add(data, false); err != nil {
			return fmt.Errorf("read registry credentials from %s: %w", file, err)
		}
	}
	return nil
}
