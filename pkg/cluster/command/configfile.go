package command

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"

	"github.com/spf13/pflag"
	"sigs.k8s.io/yaml"
)

// defaultConfigFile is read if it exists, so that a service unit and people at a shell mean the same cluster.
const defaultConfigFile = "/etc/proa/config.yaml"

// configFlag is the flag that names another one.
const configFlag = "config"

// readConfigFile sets the flags that the file names and the command line does not. The file is a YAML map from names of
// flags without dashes to their values, such as `api-port: 7443`.
func readConfigFile(set *pflag.FlagSet, path string) error {
	if path == "" {
		return nil
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && path == defaultConfigFile {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read configuration file: %w", err)
	}
	var values map[string]any
	if err := yaml.UnmarshalStrict(data, &values); err != nil {
		return fmt.Errorf("read configuration file %s: %w", path, err)
	}
	var faults []error
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if err := setFlag(set, name, values[name]); err != nil {
			faults = append(faults, fmt.Errorf("configuration file %s: %w", path, err))
		}
	}
	return errors.Join(faults...)
}

func setFlag(set *pflag.FlagSet, name string, value any) error {
	flag := set.Lookup(name)
	if flag == nil || name == configFlag {
		return fmt.Errorf("%q is not a setting; settings are the flags that `proa --help` lists", name)
	}
	if flag.Changed {
		return nil
	}
	switch value.(type) {
	case string, bool, float64:
	default:
		return fmt.Errorf("%s must be a plain value", name)
	}
	if err := set.Set(name, fmt.Sprint(value)); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}
