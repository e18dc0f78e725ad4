package registry

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/proa-sh/proa/pkg/cluster/images"
)

// TestPull asks for an image as container runtimes do: manifest by tag, blobs by digest.
func TestPull(t *testing.T) {
	image, err := images.Build(images.Spec{
		Files: []images.File{{Path: "/data", Content: []byte("content")}}, Config: v1.Config{Entrypoint: []string{"/data"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	archive := filepath.Join(t.TempDir(), "images.tar")
	if err := images.WriteArchive(archive, []images.Named{{Name: "example.org/a/b:1", Image: image}, {Name: "other.org/c:2", Image: image}}); err != nil {
		t.Fatal(err)
	}
	base := serve(t, archive) + "/v2/"
	response, content := get(t, base+"a/b/manifests/1")
	digest, err := image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	check(t, "manifest", content, digest)
	if got := response.Header.Get("Docker-Content-Digest"); got != digest.String() || response.Header.Get("Content-Type") == "" {
		t.Errorf("headers %v do not say what it is", response.Header)
	}
	manifest, err := v1.ParseManifest(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	for _, descriptor := range append(manifest.Layers, manifest.Config) {
		_, content := get(t, base+"a/b/blobs/"+descriptor.Digest.String())
		check(t, "blob", content, descriptor.Digest)
	}
	if again, content := get(t, base+"a/b/manifests/"+digest.String()); again.StatusCode != http.StatusOK || len(content) == 0 {
		t.Error("the manifest is not served by its digest")
	}
	for _, path := range []string{"c/manifests/2", "a/b/manifests/3", "a/b/blobs/sha256:00"} {
		if response, _ := get(t, base+path); response.StatusCode != http.StatusNotFound {
			t.Errorf("%s was answered with %s", path, response.Status)
		}
	}
}

func check(t *testing.T, what string, content []byte, want v1.Hash) {
	t.Helper()
	got, _, err := v1.SHA256(bytes.NewReader(content))
	if err != nil || got != want {
		t.Errorf("%s has digest %v, %v; want %v", what, got, err, want)
	}
}

// serve serves the images of example.org until the test ends.
func serve(t *testing.T, archive string) string {
	t.Helper()
	r, err := Open(archive, "example.org")
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- r.Serve(ctx, listener) }()
	t.Cleanup(func() {
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return "http://" + listener.Addr().String()
}

func get(t *testing.T, url string) (*http.Response, []byte) {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, content
}

func TestMirror(t *testing.T) {
	certs := t.TempDir()
	if err := Mirror(certs, "example.org", "192.0.2.1:80"); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(filepath.Join(certs, "example.org", "hosts.toml"))
	want := "server = \"http://192.0.2.1:80\"\n[host.\"http://192.0.2.1:80\"]\n  capabilities = [\"pull\", \"resolve\"]\n"
	if err != nil || string(content) != want {
		t.Errorf("got %q, %v", content, err)
	}
}
