package images

import (
	"bytes"
	"debug/elf"
	"path"
	"strings"

	"github.com/proa-sh/proa/pkg/cluster/images"
)

// prune leaves out the shared libraries that nothing in the image names as needed. Packages bring many for functions that
// are never called here.
func prune(files []images.File) []images.File {
	byName := map[string][]images.File{} // of the libraries, by the name under which they are asked for
	var wanted []string
	for _, f := range files {
		if isLibrary(f.Path) {
			byName[path.Base(f.Path)] = append(byName[path.Base(f.Path)], f)
			continue
		}
		wanted = append(wanted, needed(f)...)
	}
	// Opened by name at run time: by the C library to look up names, and to end threads.
	wanted = append(wanted, "libnss_files.so.2", "libnss_dns.so.2", "libgcc_s.so.1")
	kept := map[string]bool{}
	for len(wanted) > 0 {
		name := wanted[0]
		wanted = wanted[1:]
		for _, f := range byName[name] {
			if kept[f.Path] {
				continue
			}
			kept[f.Path] = true
			wanted = append(wanted, needed(f)...)
			if f.Link != "" {
				wanted = append(wanted, path.Base(f.Link))
			}
		}
	}
	var rest []images.File
	for _, f := range files {
		if !isLibrary(f.Path) || kept[f.Path] {
			rest = append(rest, f)
		}
	}
	return rest
}

// isLibrary says whether a file is one that the dynamic linker finds by its name: directly in a library directory. The
// linker itself, named by path in every program, is not.
func isLibrary(file string) bool {
	dir, base := path.Split(file)
	inPath := dir == "/usr/lib/x86_64-linux-gnu/" || dir == "/usr/lib/aarch64-linux-gnu/"
	return inPath && strings.Contains(base, ".so") && !strings.HasPrefix(base, "ld-linux")
}

// needed gives the libraries that a program or library asks for; none for other files.
func needed(f images.File) []string {
	if !bytes.HasPrefix(f.Content, []byte(elf.ELFMAG)) {
		return nil
	}
	file, err := elf.NewFile(bytes.NewReader(f.Content))
	if err != nil {
		return nil // no program after all
	}
	libraries, err := file.ImportedLibraries()
	if err != nil {
		return nil
	}
	return libraries
}
