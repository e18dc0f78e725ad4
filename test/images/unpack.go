package images

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path"
	"slices"
	"strings"

	"github.com/proa-sh/proa/pkg/cluster/images"
)

// unpack gives the files of a package that an image wants.
func unpack(ctx context.Context, deb string) ([]images.File, error) {
	cmd := exec.CommandContext(ctx, "dpkg-deb", "--fsys-tarfile", deb)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	content, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("take %s apart: %w: %s", deb, err, strings.TrimSpace(stderr.String()))
	}
	files, err := readTar(bytes.NewReader(content))
	if err != nil {
		return nil, fmt.Errorf("read files of %s: %w", deb, err)
	}
	return slices.DeleteFunc(files, func(f images.File) bool { return f.Path == "/" || unwanted(f.Path) }), nil
}

func unwanted(file string) bool {
	return slices.ContainsFunc(unneededPaths(), func(prefix string) bool { return strings.HasPrefix(file+"/", prefix) })
}

// merged moves what is in one of the root's program directories to where it is in Debian, below /usr.
func merged(file string) string {
	for _, dir := range []string{"/bin", "/sbin", "/lib", "/lib64"} {
		if file == dir || strings.HasPrefix(file, dir+"/") {
			return "/usr" + file
		}
	}
	return file
}

// readTar reads regular files, links and directories. Hard links become files with the same content.
func readTar(r io.Reader) ([]images.File, error) {
	var files []images.File
	contents := map[string][]byte{}
	for t := tar.NewReader(r); ; {
		header, err := t.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return nil, err
		}
		f := images.File{Path: merged(path.Clean("/" + header.Name)), Mode: header.Mode & 0o7777, UID: header.Uid, GID: header.Gid}
		switch header.Typeflag {
		case tar.TypeDir:
			f.Dir = true
		case tar.TypeSymlink:
			f.Link, f.Mode = header.Linkname, 0
		case tar.TypeLink:
			target := merged(path.Clean("/" + header.Linkname))
			content, there := contents[target]
			if !there {
				return nil, fmt.Errorf("%s is linked to %s, which does not come before it", f.Path, target)
			}
			f.Content = content
		case tar.TypeReg:
			if f.Content, err = io.ReadAll(t); err != nil {
				return nil, err
			}
			contents[f.Path] = f.Content
		default:
			return nil, fmt.Errorf("%s is of unknown type %q", f.Path, header.Typeflag)
		}
		files = append(files, f)
	}
}
