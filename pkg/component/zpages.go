package component

import (
	"context"
	"net/http"
	"slices"

	"k8s.io/apiserver/pkg/server/flagz"
	"k8s.io/apiserver/pkg/server/statusz"
	"k8s.io/apiserver/pkg/util/compatibility"
	cliflag "k8s.io/component-base/cli/flag"
)

// program is what a component's pages tell of its program.
type program struct {
	name  string
	flags flagz.Reader
}

type programKey struct{}

// withProgram tells a component which program it is, and with which flags it was started.
func withProgram(ctx context.Context, name string, flags cliflag.NamedFlagSets) context.Context {
	return context.WithValue(ctx, programKey{}, program{name, flagz.NamedFlagSetsReader{FlagSets: flags}})
}

// Flags returns the flags with which the program was started, nil for a component that is a part of another program.
func Flags(ctx context.Context) flagz.Reader {
	p, _ := ctx.Value(programKey{}).(program)
	return p.flags
}

// pages is a mux that remembers its paths.
type pages struct {
	*http.ServeMux
	paths []string
}

func (p *pages) Handle(path string, h http.Handler) {
	p.paths = append(p.paths, path)
	p.ServeMux.Handle(path, h)
}

// install adds /flagz (KEP-4828) and /statusz (KEP-4827), which lists the paths that are there by now, of a program.
func (p *pages) install(ctx context.Context) {
	about, ok := ctx.Value(programKey{}).(program)
	if !ok {
		return
	}
	flagz.Install(p, about.name, about.flags)
	slices.Sort(p.paths)
	statusz.Install(p, about.name, statusz.NewRegistry(compatibility.DefaultBuildEffectiveVersion(), statusz.WithListedPaths(p.paths)))
}
