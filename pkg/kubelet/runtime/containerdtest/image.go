package containerdtest

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// Image is the image that every test containerd has. Its entry point is the test program.
const Image = "registry.test/proa/testprogram:1"

// Program is the test program's path in the image.
const Program = "/testprogram"

// importImage builds the image and imports it where the CRI plugin looks.
func importImage(ctx context.Context, t *testing.T, socket, dir string) {
	t.Helper()
	image, err := buildImage(ctx, dir)
	if err != nil {
		t.Fatalf("build test image: %v", err)
	}
	tag, err := name.NewTag(Image)
	if err != nil {
		t.Fatalf("name test image: %v", err)
	}
	var archive bytes.Buffer
	if err := tarball.Write(tag, image, &archive); err != nil {
		t.Fatalf("write test image: %v", err)
	}
	c, err := client.New(socket)
	if err != nil {
		t.Fatalf("connect to containerd: %v", err)
	}
	defer c.Close()
	if _, err := c.Import(namespaces.WithNamespace(ctx, "k8s.io"), &archive); err != nil {
		t.Fatalf("import test image: %v", err)
	}
}

func buildImage(ctx context.Context, dir string) (v1.Image, error) {
	program := filepath.Join(dir, "testprogram")
	build := exec.CommandContext(ctx, "go", "build", "-o", program, "-ldflags=-s -w", "github.com/proa-sh/proa/pkg/kubelet/runtime/containerdtest/testprogram")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("compile test program: %w: %s", err, out)
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return layerTar(program) })
	if err != nil {
		return nil, err
	}
	image, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		return nil, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", "amd64"
	config.Config.Entrypoint = []string{Program}
	config.Config.Env = []string{"PATH=/"}
	return mutate.ConfigFile(image, config)
}

func layerTar(program string) (io.ReadCloser, error) {
	text, err := os.ReadFile(program)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	write := func(h *tar.Header, content []byte) {
		if err == nil {
			err = w.WriteHeader(h)
		}
		if err == nil {
			_, err = w.Write(content)
		}
	}
	write(&tar.Header{Name: "etc/", Typeflag: tar.TypeDir, Mode: 0o755}, nil)
	write(&tar.Header{Name: "tmp/", Typeflag: tar.TypeDir, Mode: 0o1777}, nil)
	passwd := []byte("root:x:0:0:root:/:/\nnobody:x:65534:65534:nobody:/:/\n")
	write(&tar.Header{Name: "etc/passwd", Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(passwd))}, passwd)
	group := []byte("root:x:0:\nwheel:x:10:\n")
	write(&tar.Header{Name: "etc/group", Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(group))}, group)
	write(&tar.Header{Name: "testprogram", Typeflag: tar.TypeReg, Mode: 0o755, Size: int64(len(text))}, text)
	if err == nil {
		err = w.Close()
	}
	return io.NopCloser(&b), err
}
