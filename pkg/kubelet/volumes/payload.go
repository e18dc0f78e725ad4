package volumes

import (
	"fmt"
	"path/filepath"
	"strings"
)

// file is one file of a payload.
type file struct {
	data []byte
	// mode holds permission bits.
	mode int32
	// uid owns the file; nil is root.
	uid *int64
}

// payload is the content of a projected volume: files by path relative to the volume.
type payload map[string]file

// check refuses paths that would leave the volume or collide with the writer's own names.
func (p payload) check() error {
	for path := range p {
		if !filepath.IsLocal(path) || filepath.Clean(path) != path || path == "." || strings.HasPrefix(path, "..") {
			return fmt.Errorf("path %q must be relative, without '..' and must not start with '..'", path)
		}
	}
	return nil
}

// topLevel holds the first element of every path: the names that users see in the volume.
func (p payload) topLevel() map[string]bool {
	names := make(map[string]bool, len(p))
	for path := range p {
		name, _, _ := strings.Cut(path, string(filepath.Separator))
		names[name] = true
	}
	return names
}
