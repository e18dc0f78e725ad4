package component

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	"sigs.k8s.io/yaml"
)

// Settings say what becomes of everything that a user can give to a component. Nothing is taken and silently ignored: what
// a component does not do is accepted with one warning that says why, or refused where going on would break a promise.
type Settings struct {
	// Flags are upstream's flags that the component does not define itself.
	Flags Table
	// Fields are all fields of the configuration file, by their paths ("authentication.anonymous.enabled").
	Fields Table
	// Defaults are the configuration about which nothing is said; a field that says the same asks for nothing. Nil for none.
	Defaults any
	// Warnings are about what has no effect and stands in lists of the file, where paths do not lead.
	Warnings []string
	// File is the path of the configuration file, "" for none.
	File string
}

// Settled is an Options that says what becomes of the settings which it does not heed.
type Settled interface {
	Accepted() Settings
}

// Table has settings by name. The zero Treatment is that of a setting that the component heeds.
type Table map[string]Treatment

// Treatment is what becomes of a setting.
type Treatment struct {
	fate
	// why is the reason why it has no effect, or is refused.
	why string
	// harmless are the values that ask for nothing but what is done anyway; without any, those that are zero.
	harmless []string
	// isSwitch says that the flag needs no value.
	isSwitch bool
}

type fate int

const (
	heeded fate = iota
	noEffect
	refused
)

// NoEffect is a setting that is accepted and has no effect.
func NoEffect(why string) Treatment { return Treatment{fate: noEffect, why: why} }

// Refused is a setting that ends the program, since without it users would not get what they rely on.
func Refused(why string) Treatment { return Treatment{fate: refused, why: why} }

// Heeded says whether the component does what the setting asks for.
func (t Treatment) Heeded() bool { return t.fate == heeded }

// But returns the treatment of a setting of which some values ask for nothing but what is done anyway.
func (t Treatment) But(values ...string) Treatment {
	t.harmless = values
	return t
}

// Switch returns the treatment of a flag that needs no value.
func (t Treatment) Switch() Treatment {
	t.isSwitch = true
	return t
}

// zeros are the texts of values that ask for nothing.
var zeros = []string{"", "0", "0s", "0h0m0s", "false", "null", "{}", "[]"}

// judge says what a user who gave a value is to be told: a warning, or why the program cannot start.
func (t Treatment) judge(name, value string) (warning string, fault error) {
	harmless := t.harmless
	if harmless == nil {
		harmless = zeros
	}
	switch {
	case t.fate == heeded || slices.Contains(harmless, value):
		return "", nil
	case t.fate == refused:
		return "", fmt.Errorf("%s: %q cannot be honored: %s", name, value, t.why)
	default:
		// Without the value, which may be a password.
		return fmt.Sprintf("%s: has no effect: %s", name, t.why), nil
	}
}

// unheeded is the value of a flag that is only taken note of.
type unheeded struct {
	text     string
	isSwitch bool
}

func (u *unheeded) String() string     { return u.text }
func (u *unheeded) Set(s string) error { u.text = s; return nil }
func (u *unheeded) Type() string {
	if u.isSwitch {
		return "bool"
	}
	return "string"
}

// addFlags defines the flags of the table.
func (t Table) addFlags(fs *pflag.FlagSet) {
	for _, name := range slices.Sorted(maps.Keys(t)) {
		usage := "Has no effect: " + t[name].why + "."
		if t[name].fate == refused {
			usage = "Is refused: " + t[name].why + "."
		}
		flag := fs.VarPF(&unheeded{isSwitch: t[name].isSwitch}, name, "", usage)
		if t[name].isSwitch {
			flag.NoOptDefVal = "true"
		}
	}
}

// flags judges the flags of the table that were given.
func (t Table) flags(fs *pflag.FlagSet) (warnings []string, faults []error) {
	for _, name := range slices.Sorted(maps.Keys(t)) {
		if flag := fs.Lookup(name); flag != nil && flag.Changed {
			warning, fault := t[name].judge("--"+name, flag.Value.String())
			warnings, faults = gather(warnings, faults, warning, fault)
		}
	}
	return warnings, faults
}

// fields judges the fields of the table that stand in a configuration file and differ from the defaults.
func (t Table) fields(content, defaults map[string]any) (warnings []string, faults []error) {
	for _, path := range slices.Sorted(maps.Keys(t)) {
		usual, hasUsual := valueAt(defaults, path)
		value, given := valueAt(content, path)
		if !given || hasUsual && text(value) == text(usual) || t[path].harmless == nil && isZero(value) {
			continue
		}
		warning, fault := t[path].judge(path, text(value))
		warnings, faults = gather(warnings, faults, warning, fault)
	}
	return warnings, faults
}

func gather(warnings []string, faults []error, warning string, fault error) ([]string, []error) {
	if warning != "" {
		warnings = append(warnings, warning)
	}
	if fault != nil {
		faults = append(faults, fault)
	}
	return warnings, faults
}

// valueAt is the value in a file at a path.
func valueAt(content map[string]any, path string) (value any, ok bool) {
	value = content
	for name := range strings.SplitSeq(path, ".") {
		fields, isObject := value.(map[string]any)
		if !isObject {
			return nil, false
		}
		if value, ok = fields[name]; !ok {
			return nil, false
		}
	}
	return value, true
}

// text is a value as users write it: a string as it is, all else as JSON.
func text(value any) string {
	if s, ok := value.(string); ok {
		return s
	}
	encoded, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value) // what was decoded can be encoded
	}
	return string(encoded)
}

// isZero says whether a value asks for nothing, and all that it consists of.
func isZero(value any) bool {
	fields, ok := value.(map[string]any)
	if !ok {
		return slices.Contains(zeros, text(value))
	}
	for _, v := range fields {
		if !isZero(v) {
			return false
		}
	}
	return true
}

// readFields is a configuration file as it is written. Its kind reads it again, with all checks.
func readFields(path string) (map[string]any, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration file: %w", err)
	}
	content := map[string]any{}
	if err := yaml.Unmarshal(data, &content); err != nil {
		return nil, fmt.Errorf("read configuration file %q: %w", path, err)
	}
	return content, nil
}

// fieldsOf is a configuration as it would be written.
func fieldsOf(config any) (map[string]any, error) {
	content := map[string]any{}
	data, err := json.Marshal(config)
	if err != nil {
		return nil, fmt.Errorf("encode default configuration: %w", err)
	}
	if err := json.Unmarshal(data, &content); err != nil {
		return nil, fmt.Errorf("decode default configuration: %w", err)
	}
	return content, nil
}

// check says what a user is to be told about all that was given: by flags, by the file, and about feature gates.
func (s Settings) check(fs *pflag.FlagSet, gates *gateFlag) (warnings []string, faults []error) {
	warnings, faults = s.Flags.flags(fs)
	warnings = append(warnings, s.Warnings...)
	given := maps.Clone(gates.given)
	if s.File != "" {
		content, err := readFields(s.File)
		if err != nil {
			return warnings, append(faults, err)
		}
		defaults, err := fieldsOf(s.Defaults)
		if err != nil {
			return warnings, append(faults, err)
		}
		w, f := s.Fields.fields(content, defaults)
		warnings, faults = append(warnings, w...), append(faults, f...)
		ofFile, err := gatesIn(content)
		if err != nil {
			faults = append(faults, fmt.Errorf("read configuration file %q: %w", s.File, err))
		}
		for name, on := range ofFile {
			if _, overridden := given[name]; !overridden {
				given[name] = on
			}
		}
	}
	w, f := gates.judge(given)
	return append(warnings, w...), append(faults, f...)
}
