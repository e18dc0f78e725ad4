package command

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

func TestReadConfigFile(t *testing.T) {
	for _, tc := range []struct {
		name, file string
		wantPort   int
		wantName   string
		wantErr    []string
	}{
		{"values", "api-port: 7443\nnode-name: \"one\"\n", 7443, "one", nil},
		{"empty", "", 6443, "", nil},
		{"the command line counts more", "kubelet-port: 5\n", 6443, "", nil},
		{"every fault", "api-prt: 7443\napi-port: many\nnode-name: [a]\nconfig: x\n", 6443, "",
			[]string{`"api-prt" is not a setting`, `api-port: invalid argument "many"`, "node-name must be a plain value", `"config" is not a setting`}},
		{"no map", "- a\n", 6443, "", []string{"read configuration file"}},
		{"twice", "api-port: 1\napi-port: 2\n", 6443, "", []string{"already set"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var f flags
			set := pflag.NewFlagSet("", pflag.ContinueOnError)
			set.IntVar(&f.apiPort, "api-port", 6443, "")
			set.IntVar(&f.kubeletPort, "kubelet-port", 10250, "")
			set.StringVar(&f.nodeName, "node-name", "", "")
			set.StringVar(&f.configFile, configFlag, "", "")
			if err := set.Parse([]string{"--kubelet-port=10251"}); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(t.TempDir(), "config.yaml")
			if err := os.WriteFile(path, []byte(tc.file), 0o600); err != nil {
				t.Fatal(err)
			}
			err := readConfigFile(set, path)
			if (err != nil) != (tc.wantErr != nil) {
				t.Fatalf("error %v", err)
			}
			for _, want := range tc.wantErr {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not say %q", err, want)
				}
			}
			if tc.wantErr == nil && (f.apiPort != tc.wantPort || f.nodeName != tc.wantName || f.kubeletPort != 10251) {
				t.Errorf("got %+v", f)
			}
		})
	}
	if err := readConfigFile(pflag.NewFlagSet("", pflag.ContinueOnError), filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a file that does not exist was accepted")
	}
}
