package containerd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/errdefs"
	"golang.org/x/sync/errgroup"
)

const (
	// criNamespace is where containerd's CRI service keeps its images and containers.
	criNamespace = "k8s.io"
	snapshotter  = "overlayfs"
	// pinned tells CRI, and through it the kubelet, never to remove an image.
	pinnedLabel, pinnedValue = "io.cri-containerd.pinned", "pinned"
)

// ImageStore reaches the images of the containerd that serves on a socket.
type ImageStore struct {
	Socket string
}

// Images reaches the daemon's images.
func (d *Daemon) Images() ImageStore { return ImageStore{Socket: d.cfg.Socket()} }

func (s ImageStore) connect() (*client.Client, error) {
	c, err := client.New(s.Socket, client.WithDefaultNamespace(criNamespace))
	if err != nil {
		return nil, fmt.Errorf("connect to containerd: %w", err)
	}
	return c, nil
}

// Import reads an image archive (OCI layout or docker save, as tar) and unpacks its images for CRI. It returns their
// names. With pin they are kept from the kubelet's image garbage collection.
func (s ImageStore) Import(ctx context.Context, archive string, pin bool) ([]string, error) {
	file, err := os.Open(archive)
	if err != nil {
		return nil, fmt.Errorf("open image archive: %w", err)
	}
	defer file.Close()
	c, err := s.connect()
	if err != nil {
		return nil, err
	}
	defer c.Close()
	var options []client.ImportOpt
	if pin {
		options = append(options, client.WithImageLabels(map[string]string{pinnedLabel: pinnedValue}))
	}
	imported, err := c.Import(ctx, file, options...)
	if err != nil {
		return nil, fmt.Errorf("import image archive %q: %w", archive, err)
	}
	if len(imported) == 0 {
		return nil, fmt.Errorf("import image archive %q: no image in it has a name", archive)
	}
	var names []string
	for _, image := range imported {
		names = append(names, image.Name)
	}
	slices.Sort(names)
	return names, unpack(ctx, c, imported)
}

// unpack makes the images ready to run, so that the first pod need not wait for it.
func unpack(ctx context.Context, c *client.Client, imported []images.Image) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(2)
	for _, image := range imported {
		group.Go(func() error {
			if err := client.NewImage(c, image).Unpack(ctx, snapshotter); err != nil && !errdefs.IsAlreadyExists(err) {
				return fmt.Errorf("unpack image %s: %w", image.Name, err)
			}
			return nil
		})
	}
	return group.Wait()
}

// Has says whether an image of that name is there with that manifest digest.
func (s ImageStore) Has(ctx context.Context, name, digest string) (bool, error) {
	c, err := s.connect()
	if err != nil {
		return false, err
	}
	defer c.Close()
	image, err := c.ImageService().Get(ctx, name)
	if errdefs.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look for image %s: %w", name, err)
	}
	return image.Target.Digest.String() == digest, nil
}

// Image is one image as people see it.
type Image struct {
	Name, Digest string
	// Size is the size of its content as it is stored, in bytes.
	Size int64
}

// List gives the images in the order of their names.
func (s ImageStore) List(ctx context.Context) ([]Image, error) {
	c, err := s.connect()
	if err != nil {
		return nil, err
	}
	defer c.Close()
	all, err := c.ListImages(ctx)
	if err != nil {
		return nil, fmt.Errorf("list images: %w", err)
	}
	var list []Image
	var faults []error
	for _, image := range all {
		size, err := image.Size(ctx)
		if err != nil {
			faults = append(faults, fmt.Errorf("measure image %s: %w", image.Name(), err))
		}
		list = append(list, Image{Name: image.Name(), Digest: image.Target().Digest.String(), Size: size})
	}
	slices.SortFunc(list, func(a, b Image) int { return strings.Compare(a.Name, b.Name) })
	return list, errors.Join(faults...)
}
