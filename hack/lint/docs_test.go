package lint

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestDocs(t *testing.T) {
	for _, p := range listPackages(t) {
		if len(p.GoFiles) > 0 && p.Doc == "" {
			t.Errorf("%s has no package comment: say in %s/doc.go what it owns, what comes in, what goes out and which test shows it", p.ImportPath, p.ImportPath)
		}
	}
}

// fileName is a Go file that a text names, with the folders before it; the form of a name (<kind>.go, {a,b}.go) is none.
var fileName = regexp.MustCompile("[^\\s\"`(\\[,;:]*\\.go\\b")

// testName is a test or benchmark; a final star stands for any end.
var testName = regexp.MustCompile(`\b(?:Test|Benchmark|Fuzz)[A-Z]\w*\*?`)

// TestDocsTellTheTruth: the files and the tests that a doc.go names exist.
func TestDocsTellTheTruth(t *testing.T) {
	tests := allTests(t)
	for _, doc := range goFiles(t, func(name string) bool { return name == "doc.go" }) {
		text, err := os.ReadFile(doc)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range fileName.FindAllString(string(text), -1) {
			if !strings.ContainsAny(name, "<>{}") && !exists(t, filepath.Dir(doc), name) {
				t.Errorf("%s names %s, which is neither in its folder nor in the project: correct the text", doc, name)
			}
		}
		for _, name := range testName.FindAllString(string(text), -1) {
			prefix, any := strings.CutSuffix(name, "*")
			if !slices.ContainsFunc(tests, func(test string) bool { return test == name || any && strings.HasPrefix(test, prefix) }) {
				t.Errorf("%s names %s, which is no test of the project: correct the text", doc, name)
			}
		}
	}
}

// exists looks for a file, or for one of a pattern, in the folder and from the top of the project.
func exists(t *testing.T, folder, name string) bool {
	t.Helper()
	for _, place := range []string{folder, root} {
		found, err := filepath.Glob(filepath.Join(place, name))
		if err != nil {
			t.Fatal(err)
		}
		if len(found) > 0 {
			return true
		}
	}
	return false
}

const root = "../.."

// goFiles are the project's Go files of some names.
func goFiles(t *testing.T, wanted func(name string) bool) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && path != root && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "bin") {
			return filepath.SkipDir
		}
		if strings.HasSuffix(path, ".go") && wanted(entry.Name()) {
			files = append(files, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

var testFunc = regexp.MustCompile(`(?m)^func ((?:Test|Benchmark|Fuzz)\w+)\(`)

func allTests(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, file := range goFiles(t, func(name string) bool { return strings.HasSuffix(name, "_test.go") }) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range testFunc.FindAllStringSubmatch(string(text), -1) {
			names = append(names, match[1])
		}
	}
	return names
}
