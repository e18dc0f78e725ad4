package apiserver

import (
	"context"

	"github.com/proa-sh/proa/pkg/apiserver/admission"
	"github.com/proa-sh/proa/pkg/apiserver/options"
)

// Command is the API server as a program: a component.Options.
type Command struct{ *options.Options }

// NewCommand returns the program with default options.
func NewCommand() Command { return Command{options.New(admission.Plugins())} }

// Run builds the server and serves until ctx ends.
func (c Command) Run(ctx context.Context) error {
	server, err := New(ctx, c.Options)
	if err != nil {
		return err
	}
	return server.Run(ctx)
}
