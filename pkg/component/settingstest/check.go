package settingstest

import (
	_ "embed"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/proa-sh/proa/pkg/component"
)

//go:embed testdata/flags-v1.36.txt
var flagList string

// flagsOf are the flags of one of upstream's programs.
func flagsOf(program string) []string {
	lines := strings.Split(flagList, "\n")
	for i, line := range lines {
		if line != "# "+program || i+1 == len(lines) {
			continue
		}
		var names []string
		for _, flag := range strings.Fields(lines[i+1]) {
			names = append(names, strings.TrimPrefix(flag, "--"))
		}
		return names
	}
	return nil
}

// Flags fails for each flag of upstream's program that the component does not accept, and for each line of its table that
// is about none.
func Flags(t *testing.T, program string, o component.Options) {
	t.Helper()
	upstream := map[string]bool{}
	for _, name := range flagsOf(program) {
		upstream[name] = true
	}
	if len(upstream) == 0 {
		t.Fatalf("the flags of %s are not in testdata", program)
	}
	command := component.NewCommand(program, "", o)
	command.InitDefaultHelpFlag()
	for name := range upstream {
		if command.Flags().Lookup(name) == nil {
			t.Errorf("--%s of upstream's %s is not accepted: define it, or say in the table of settings why it has no effect or is refused", name, program)
		}
	}
	settled, ok := o.(component.Settled)
	if !ok {
		t.Fatalf("%T has no table of settings", o)
	}
	for name, treatment := range settled.Accepted().Flags {
		if !upstream[name] {
			t.Errorf("--%s stands in the table of settings and is no flag of upstream's %s: remove the line", name, program)
		}
		if treatment.Heeded() {
			t.Errorf("--%s stands in the table of settings as heeded: define it, and remove the line", name)
		}
	}
}

// Fields fails for each field of a configuration that the table has no line for, for each line that is about none, and for
// each heeded field that no file in the folders of sources reads. Files named in besides, which only set defaults or bind
// flags, do not count.
func Fields(t *testing.T, config any, table component.Table, besides []string, sources ...string) {
	t.Helper()
	leaves := map[string]string{}
	walk(reflect.TypeOf(config), "", "", leaves)
	code := read(t, besides, sources)
	for path, name := range leaves {
		treatment, ok := table[path]
		switch {
		case !ok:
			t.Errorf("%T has field %s, which is not in the table of settings: say there whether it is heeded", config, path)
		case path == "featureGates": // by package component itself
		case treatment.Heeded() && !regexp.MustCompile(`\.`+name+`\b`).MatchString(code):
			t.Errorf("field %s is said to be heeded, but no code reads %s", path, name)
		}
	}
	for path := range table {
		if _, ok := leaves[path]; !ok {
			t.Errorf("%s stands in the table of settings and is no field of %T: remove the line", path, config)
		}
	}
}

// walk collects the fields that have values, by path, with their names in Go.
func walk(typ reflect.Type, path, name string, leaves map[string]string) {
	for typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	if typ.Kind() != reflect.Struct || !ofConfigurations(typ) {
		leaves[path] = name
		return
	}
	for i := range typ.NumField() {
		field := typ.Field(i)
		tag, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case field.Name == "TypeMeta":
		case tag == "":
			walk(field.Type, path, field.Name, leaves)
		case path == "":
			walk(field.Type, tag, field.Name, leaves)
		default:
			walk(field.Type, path+"."+tag, field.Name, leaves)
		}
	}
}

// ofConfigurations says whether a struct groups settings; others, such as durations and those of logging and tracing, are
// values of one setting.
func ofConfigurations(typ reflect.Type) bool {
	groups := []string{"k8s.io/kubelet/config/", "k8s.io/kube-proxy/config/", "k8s.io/kube-scheduler/config/", "k8s.io/component-base/config/"}
	for _, group := range groups {
		if strings.HasPrefix(typ.PkgPath(), group) {
			return true
		}
	}
	return false
}

// read is the code in folders, but for tests and the files besides.
func read(t *testing.T, besides, folders []string) string {
	t.Helper()
	var code strings.Builder
	for _, folder := range folders {
		err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			for _, name := range besides {
				if entry.Name() == name {
					return nil
				}
			}
			text, err := os.ReadFile(path)
			code.Write(text)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return code.String()
}

// Said parses a command line and returns what the component says of it: its warnings and why it refuses to start.
func Said(t *testing.T, program string, o component.Options, args ...string) (warnings []string, faults []error) {
	t.Helper()
	command := component.NewCommand(program, "", o)
	if err := command.ParseFlags(args); err != nil && err != pflag.ErrHelp {
		t.Fatal(err)
	}
	return component.CheckSettings(command, o)
}
