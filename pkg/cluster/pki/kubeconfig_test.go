package pki

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

const others = `apiVersion: v1
kind: Config
preferences: {}
current-context: work
clusters:
- name: work
  cluster: {server: https://work.example.org, certificate-authority: relative/ca.crt}
users:
- name: me
  user: {token: secret}
contexts:
- name: work
  context: {cluster: work, user: me, namespace: team}
`

func proa() *clientcmdapi.Config {
	config := clientcmdapi.NewConfig()
	config.Clusters["proa"] = &clientcmdapi.Cluster{Server: "https://127.0.0.1:6443", CertificateAuthorityData: []byte("ca")}
	config.AuthInfos["proa"] = &clientcmdapi.AuthInfo{ClientCertificateData: []byte("crt"), ClientKeyData: []byte("key")}
	config.Contexts["proa"] = &clientcmdapi.Context{Cluster: "proa", AuthInfo: "proa"}
	config.CurrentContext = "proa"
	return config
}

func load(t *testing.T, path string) *clientcmdapi.Config {
	t.Helper()
	config, err := clientcmd.LoadFromFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return config
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o640); err != nil {
		t.Fatal(err)
	}
}

func TestMergeTouchesNothingElse(t *testing.T) {
	dir := t.TempDir()
	real, link := filepath.Join(dir, "real"), filepath.Join(dir, "config")
	write(t, real, others)
	if err := os.Symlink(real, link); err != nil {
		t.Fatal(err)
	}
	t.Setenv("KUBECONFIG", filepath.Join(dir, "absent")+":"+link)
	before := load(t, real)

	for range 2 {
		path, err := MergeKubeconfig(proa())
		if err != nil {
			t.Fatal(err)
		}
		if path != link {
			t.Errorf("changed %q, want %q", path, link)
		}
	}
	merged := load(t, link)
	if merged.CurrentContext != "work" {
		t.Errorf("current context became %q", merged.CurrentContext)
	}
	if merged.Clusters["proa"] == nil || merged.AuthInfos["proa"] == nil || merged.Contexts["proa"] == nil {
		t.Errorf("not merged: %v", merged)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link was replaced: %v, %v", info, err)
	}
	if info, err := os.Stat(real); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("the mode changed: %v, %v", info, err)
	}

	if err := RemoveFromKubeconfig("proa"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, load(t, real)); diff != "" {
		t.Errorf("after merge and removal:\n%s", diff)
	}
}

func TestMergeIntoNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "config")
	t.Setenv("KUBECONFIG", path)
	if _, err := MergeKubeconfig(proa()); err != nil {
		t.Fatal(err)
	}
	if got := load(t, path).CurrentContext; got != "proa" {
		t.Errorf("current context %q, want proa", got)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode: %v, %v", info, err)
	}
	if err := RemoveFromKubeconfig("proa"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("an empty file is left: %v", err)
	}
}

// renamed is the example under another name.
func renamed(name string) *clientcmdapi.Config {
	config := proa()
	config.Clusters = map[string]*clientcmdapi.Cluster{name: config.Clusters["proa"]}
	config.AuthInfos = map[string]*clientcmdapi.AuthInfo{name: config.AuthInfos["proa"]}
	config.Contexts = map[string]*clientcmdapi.Context{name: {Cluster: name, AuthInfo: name}}
	config.CurrentContext = name
	return config
}

func TestMergesDoNotLoseEachOther(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config")
	t.Setenv("KUBECONFIG", path)
	const count = 8
	var group sync.WaitGroup
	for i := range count {
		group.Go(func() {
			if _, err := MergeKubeconfig(renamed(fmt.Sprint("proa-", i))); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if got := len(load(t, path).Clusters); got != count {
		t.Errorf("%d clusters are in the file, want %d", got, count)
	}
}

func TestKubeconfigLockedByOthers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config")
	t.Setenv("KUBECONFIG", path)
	write(t, path, others)
	write(t, path+".lock", "")
	if _, err := MergeKubeconfig(proa()); err == nil || !strings.Contains(err.Error(), "remove "+path+".lock") {
		t.Errorf("error %v does not say what to do about the lock", err)
	}
	if load(t, path).Clusters["proa"] != nil {
		t.Error("changed under somebody's lock")
	}
	// Nothing to do needs no lock.
	if err := RemoveFromKubeconfig("proa"); err != nil {
		t.Error(err)
	}
	if err := os.Remove(path + ".lock"); err != nil {
		t.Fatal(err)
	}
	if _, err := MergeKubeconfig(proa()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path + ".lock"); !os.IsNotExist(err) {
		t.Errorf("the lock is left: %v", err)
	}
}

func TestUnreadableKubeconfigIsLeftAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config")
	write(t, path, "clusters: {{{")
	t.Setenv("KUBECONFIG", path)
	if _, err := MergeKubeconfig(proa()); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("error %v does not name the file", err)
	}
	if content, err := os.ReadFile(path); err != nil || string(content) != "clusters: {{{" {
		t.Errorf("the file changed: %q, %v", content, err)
	}
}

func TestOwnKubeconfig(t *testing.T) {
	set := ensure(t, config(t.TempDir(), time.Now()))
	path := filepath.Join(t.TempDir(), "kube", "admin.conf")
	if err := set.WriteKubeconfig(path, "proa", "https://127.0.0.1:6443", Admin); err != nil {
		t.Fatal(err)
	}
	rest, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil {
		t.Fatal(err)
	}
	ca, err := os.ReadFile(set.Cert(CA))
	if err != nil {
		t.Fatal(err)
	}
	if rest.Host != "https://127.0.0.1:6443" || string(rest.CAData) != string(ca) || len(rest.KeyData) == 0 {
		t.Errorf("rest config: %+v", rest)
	}
}
