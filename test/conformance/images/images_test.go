package images

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestCatalogIsSound(t *testing.T) {
	sources := Sources{Programs: "/programs", System: "/system", Kubernetes: "/kubernetes"}
	known := map[string]bool{"": true}
	for i, l := range sources.layers() {
		if known[l.name] || !known[l.base] {
			t.Errorf("layer %q is there twice, or stands before its base %q", l.name, l.base)
		}
		if i == 0 && l.name != busyboxLayer {
			t.Errorf("layer %q is the first, where %q belongs", l.name, busyboxLayer)
		}
		known[l.name] = true
	}
	seen := map[string]bool{}
	for _, e := range catalog() {
		if e.layer == "" || !known[e.layer] || len(e.config.Cmd)+len(e.config.Entrypoint) == 0 {
			t.Errorf("image %v has no layer or no command", e.tags)
		}
		for _, tag := range e.tags {
			if seen[tag] || !strings.HasPrefix(tag, "registry.k8s.io/") || !strings.Contains(filepath.Base(tag), ":") {
				t.Errorf("tag %q is there twice, or is not a full name with a version", tag)
			}
			seen[tag] = true
		}
	}
}

// TestKeyCoversContent checks that a program that was built anew makes other images.
func TestKeyCoversContent(t *testing.T) {
	file := filepath.Join(t.TempDir(), "program")
	layers := []layer{{name: "one", files: slices.Clone(nginxFiles())}}
	layers[0].files[0].Content, layers[0].files[0].Source = nil, file
	var keys []string
	for _, content := range []string{"a", "a", "b"} {
		write(t, file, content)
		key, err := keyOf(layers, nil)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, key)
	}
	if keys[0] != keys[1] || keys[1] == keys[2] {
		t.Errorf("keys for the same, the same and another content: %v", keys)
	}
}

func write(t *testing.T, file, content string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}
