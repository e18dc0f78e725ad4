package images

import (
	"fmt"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// The images that every cluster needs. Their names are the customary ones, so that manifests and tools know them.
const (
	PauseName   = "registry.k8s.io/pause:3.10.2"
	CoreDNSName = "registry.k8s.io/coredns/coredns:v1.14.7"
)

// nobody is the user that pause runs as.
const nobody = "65535:65535"

// System makes the images of pause and CoreDNS from the programs in binDir.
func System(binDir string) (pause, coredns Named, err error) {
	image, err := Build(Spec{
		Files:  []File{{Path: "/pause", Source: filepath.Join(binDir, "pause"), Mode: 0o755}},
		Config: v1.Config{Entrypoint: []string{"/pause"}, User: nobody, Env: []string{defaultPath}},
	})
	if err != nil {
		return Named{}, Named{}, fmt.Errorf("make pause image: %w", err)
	}
	pause = Named{Name: PauseName, Image: image}
	image, err = Build(Spec{
		Files: []File{
			{Path: "/coredns", Source: filepath.Join(binDir, "coredns"), Mode: 0o755},
			// For forwarding with TLS.
			{Path: "/etc/ssl/certs", Dir: true},
			{Path: "/tmp", Dir: true, Mode: 0o1777},
		},
		Config: v1.Config{Entrypoint: []string{"/coredns"}, WorkingDir: "/", Env: []string{defaultPath}},
	})
	if err != nil {
		return Named{}, Named{}, fmt.Errorf("make CoreDNS image: %w", err)
	}
	return pause, Named{Name: CoreDNSName, Image: image}, nil
}

const defaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// SystemArchives are the files that WriteSystem makes in a directory.
func SystemArchives(dir string) (pause, coredns string) {
	return filepath.Join(dir, "pause.tar"), filepath.Join(dir, "coredns.tar")
}

// WriteSystem makes both archives in dir from the programs in binDir.
func WriteSystem(dir, binDir string) error {
	pause, coredns, err := System(binDir)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make directory of images: %w", err)
	}
	pausePath, corednsPath := SystemArchives(dir)
	if err := WriteArchive(pausePath, []Named{pause}); err != nil {
		return err
	}
	return WriteArchive(corednsPath, []Named{coredns})
}
