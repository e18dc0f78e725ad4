package resources

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// readFile reads a small file of the kernel without the newline at its end.
func readFile(path string) (string, error) {
	data, err := os.ReadFile(path)
	return strings.TrimSuffix(string(data), "\n"), err
}

// writeFile writes a value into a file of a cgroup, which must exist: writing must not create one in its stead.
func writeFile(dir, name, value string) error {
	file, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	for {
		_, err = file.WriteString(value)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		err = fmt.Errorf("write %q: %w", value, err)
	}
	return errors.Join(err, file.Close())
}

// readInt reads a file that holds one number; "max" reads as -1.
func readInt(dir, name string) (int64, error) {
	text, err := readFile(filepath.Join(dir, name))
	if err != nil {
		return 0, err
	}
	if text == "max" {
		return -1, nil
	}
	value, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("parse %s: %w", filepath.Join(dir, name), err)
	}
	// Version 1 spells "no limit" as a number close to the greatest one.
	return int64(min(value, 1<<63-1)), nil
}

// readKeyed reads a file of "key value" lines, such as memory.stat.
func readKeyed(dir, name string) (map[string]uint64, error) {
	text, err := readFile(filepath.Join(dir, name))
	if err != nil {
		return nil, err
	}
	values := map[string]uint64{}
	for line := range strings.Lines(text) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok {
			continue
		}
		if n, err := strconv.ParseUint(value, 10, 64); err == nil {
			values[key] = n
		}
	}
	return values, nil
}
