package containerd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/images/archive"
	"github.com/containerd/errdefs"
	"golang.org/x/sync/errgroup"
)

const (
	// criNamespace is where containerd's CRI service keeps its images and containers.
	criNamespace = "k8s.io"
	snapshotter  = "overlayfs"
	// pinned tells CRI, and through it the kubelet, never to remove an image.
	pinnedLabel, pinnedValue = "io.cri-containerd.pinned", "pinned"
	// loadedLabel says that somebody has brought the image to all nodes; further nodes get it too.
	loadedLabel, loadedValue = "proa.sh/loaded", "all-nodes"
)

// Pinned and Loaded are labels for Import: the image is kept from the kubelet's image garbage collection; the image is for every
// node that the cluster will have.
func Pinned() map[string]string { return map[string]string{pinnedLabel: pinnedValue} }
func Loaded() map[string]string { return map[string]string{loadedLabel: loadedValue} }

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

// answers returns when the daemon serves, or with why it does not.
func (s ImageStore) answers(ctx context.Context) error {
	c, err := s.connect()
	if err != nil {
		return err
	}
	defer c.Close()
	serves, err := c.IsServing(ctx)
	if err == nil && !serves {
		err = errors.New("it does not serve yet")
	}
	if err != nil {
		return fmt.Errorf("ask containerd: %w", err)
	}
	return nil
}

// Import reads an image archive (OCI layout or docker save, as tar) and unpacks its images for CRI. It returns their
// names. They get the labels.
func (s ImageStore) Import(ctx context.Context, path string, labels map[string]string) ([]string, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open image archive: %w", err)
	}
	defer file.Close()
	c, err := s.connect()
	if err != nil {
		return nil, err
	}
	defer c.Close()
	imported, err := c.Import(ctx, file, client.WithImageLabels(labels))
	if err != nil {
		return nil, fmt.Errorf("import image archive %q: %w", path, err)
	}
	if len(imported) == 0 {
		return nil, fmt.Errorf("import image archive %q: no image in it has a name", path)
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

// CopyLoaded brings the images that were loaded into another node and are for all nodes, as far as they are not here already.
func (s ImageStore) CopyLoaded(ctx context.Context, from ImageStore) error {
	source, err := from.connect()
	if err != nil {
		return err
	}
	defer source.Close()
	loaded, err := source.ImageService().List(ctx, fmt.Sprintf("labels.%q==%s", loadedLabel, loadedValue))
	if err != nil {
		return fmt.Errorf("list loaded images: %w", err)
	}
	for _, image := range loaded {
		has, err := s.Has(ctx, image.Name, image.Target.Digest.String())
		if err == nil && !has {
			err = s.copyImage(ctx, source, image.Name)
		}
		if err != nil {
			return fmt.Errorf("copy image %s: %w", image.Name, err)
		}
	}
	return nil
}

// copyImage brings one image here, without a file between.
func (s ImageStore) copyImage(ctx context.Context, source *client.Client, name string) error {
	target, err := s.connect()
	if err != nil {
		return err
	}
	defer target.Close()
	read, write := io.Pipe()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		return write.CloseWithError(source.Export(ctx, write,
			archive.WithImage(source.ImageService(), name), archive.WithAllPlatforms(), archive.WithSkipMissing(source.ContentStore())))
	})
	group.Go(func() error {
		imported, err := target.Import(ctx, read, client.WithImageLabels(Loaded()))
		// The exporter may still want to write the end of the archive.
		_, rest := io.Copy(io.Discard, read)
		if err = errors.Join(err, rest, read.CloseWithError(err)); err != nil {
			return err
		}
		return unpack(ctx, target, imported)
	})
	return group.Wait()
}
