package registry

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/proa-sh/proa/pkg/cluster/images"
)

// blob is where a blob is in the archive.
type blob struct {
	offset, size int64
}

// Registry serves one archive. It is not changed once it is made.
type Registry struct {
	file  *os.File
	blobs map[string]blob // by digest
	// tags are digests of manifests by name without the registry's host, as in "pause:3.10.2".
	tags map[string]string
}

// Open reads what is in the archive, of which it keeps the images of the host, as in registry.k8s.io.
func Open(archive, host string) (*Registry, error) {
	entries, err := images.Entries(archive)
	if err != nil {
		return nil, err
	}
	r := &Registry{blobs: map[string]blob{}, tags: map[string]string{}}
	for _, e := range entries {
		if name, ours := strings.CutPrefix(e.Name, host+"/"); ours {
			r.tags[name] = e.Digest
		}
	}
	if r.file, err = os.Open(archive); err != nil {
		return nil, fmt.Errorf("open image archive: %w", err)
	}
	if err := r.index(); err != nil {
		return nil, errors.Join(fmt.Errorf("read image archive: %w", err), r.Close())
	}
	return r, nil
}

// Close closes the archive.
func (r *Registry) Close() error { return r.file.Close() }

func (r *Registry) index() error {
	t := tar.NewReader(r.file)
	for {
		header, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		// After a header the file stands at the content.
		offset, err := r.file.Seek(0, io.SeekCurrent)
		if err != nil {
			return err
		}
		if algorithm, hex, found := strings.Cut(strings.TrimPrefix(header.Name, "blobs/"), "/"); found {
			r.blobs[algorithm+":"+hex] = blob{offset, header.Size}
		}
	}
}

// ServeHTTP answers /v2/, /v2/NAME/manifests/TAG-OR-DIGEST and /v2/NAME/blobs/DIGEST.
func (r *Registry) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	if request.URL.Path == "/v2/" {
		return
	}
	rest, reference := path.Split(strings.TrimPrefix(request.URL.Path, "/v2/"))
	name, kind := path.Split(strings.TrimSuffix(rest, "/"))
	digest := reference
	if tagged, found := r.tags[strings.TrimSuffix(name, "/")+":"+reference]; found {
		digest = tagged
	}
	b, found := r.blobs[digest]
	if !found || request.Method != http.MethodGet && request.Method != http.MethodHead {
		http.NotFound(w, request)
		return
	}
	content := io.NewSectionReader(r.file, b.offset, b.size)
	w.Header().Set("Docker-Content-Digest", digest)
	w.Header().Set("Content-Type", "application/octet-stream")
	if kind == "manifests" {
		mediaType, err := manifestType(content)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", mediaType)
	}
	http.ServeContent(w, request, "", time.Time{}, content)
}

// manifestType is what a manifest says that it is.
func manifestType(content io.ReadSeeker) (string, error) {
	var manifest v1.Manifest
	if err := json.NewDecoder(content).Decode(&manifest); err != nil {
		return "", fmt.Errorf("read manifest: %w", err)
	}
	if manifest.MediaType == "" {
		manifest.MediaType = types.OCIManifestSchema1
	}
	_, err := content.Seek(0, io.SeekStart)
	return string(manifest.MediaType), err
}

// Serve serves until ctx ends.
func (r *Registry) Serve(ctx context.Context, listener net.Listener) error {
	server := &http.Server{Handler: r, ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve images: %w", err)
	}
	return nil
}

// Mirror makes a containerd whose hosts configuration is in certs ask at address for the images of host, and nowhere else.
func Mirror(certs, host, address string) error {
	dir := filepath.Join(certs, host)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make directory for mirror: %w", err)
	}
	content := fmt.Sprintf("server = \"http://%[1]s\"\n[host.\"http://%[1]s\"]\n  capabilities = [\"pull\", \"resolve\"]\n", address)
	if err := os.WriteFile(filepath.Join(dir, "hosts.toml"), []byte(content), 0o644); err != nil {
		return fmt.Errorf("write mirror: %w", err)
	}
	return nil
}
