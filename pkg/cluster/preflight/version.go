package preflight

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// versionFile says which version wrote a data directory.
const versionFile = "version"

// ReadVersion gives the version that wrote the data directory, zero if there is none yet.
func ReadVersion(dataDir string) (Version, error) {
	path := filepath.Join(dataDir, versionFile)
	content, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return Version{}, nil
	}
	if err != nil {
		return Version{}, err
	}
	var v Version
	if _, err := fmt.Sscanf(string(content), "%d.%d", &v.Major, &v.Minor); err != nil {
		return Version{}, fmt.Errorf("read version in %s: %q is no version", path, content)
	}
	return v, nil
}

// WriteVersion notes which version writes the data directory. An older one is replaced.
func WriteVersion(dataDir string, v Version) error {
	path := filepath.Join(dataDir, versionFile)
	if old, err := ReadVersion(dataDir); err == nil && old == v {
		return nil
	}
	if err := os.WriteFile(path+".new", []byte(v.String()+"\n"), 0o644); err != nil {
		return fmt.Errorf("write version: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("write version: %w", err)
	}
	return nil
}
