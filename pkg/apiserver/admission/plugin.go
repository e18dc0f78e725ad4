package admission

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
)

// A Plugin is one admission plugin.
type Plugin struct {
	Name string
	// Off leaves the plugin out unless --enable-admission-plugins names it.
	Off bool
	// On are the operations that it is asked about.
	On []admission.Operation
	// Does says whether it has Admit or Validate or both.
	Does does
	// New builds it, once, when all that it may need is there.
	New func(Inputs) (Rules, error)
}

// does is a set of what a plugin does with a request.
type does int

const (
	mutates   does = 1 << iota // changes the object, before it is validated
	validates                  // refuses it, after that
)

// Inputs are what a plugin may need.
type Inputs struct {
	gate
	Informers  informers.SharedInformerFactory
	Client     kubernetes.Interface // acts as the server itself
	Authorizer authorizer.Authorizer
	Mapper     meta.RESTMapper
	Settings   Settings
	Config     io.Reader // the plugin's own of --admission-control-config-file; nil without
}

// Settings are those of the server's flags.
type Settings struct {
	// NotReadySeconds and UnreachableSeconds are how long pods that say nothing of it stay on a node in trouble.
	NotReadySeconds, UnreachableSeconds int64
	// APIAudiences are those of tokens of service accounts for which none is named: the API server's own.
	APIAudiences []string
}

// Rules are a plugin at work.
type Rules struct {
	// Needs are the informers that must have synced before the plugin is ready.
	Needs synced
	// Admit may change the object.
	Admit func(context.Context, admission.Attributes) error
	// Validate only looks at it.
	Validate func(context.Context, admission.Attributes) error
}

type synced []cache.SharedIndexInformer

func (s synced) done() bool {
	for _, i := range s {
		if !i.HasSynced() {
			return false
		}
	}
	return true
}

// gate holds requests until a plugin is ready. The zero gate is open.
type gate struct{ wait func() bool }

// ready waits a while for what the plugin needs; a plugin asks when it is sure that the request concerns it.
func (g gate) ready(a admission.Attributes) error {
	if g.wait != nil && !g.wait() {
		return admission.NewForbidden(a, fmt.Errorf("not yet ready to handle request"))
	}
	return nil
}

// register adds the plugin to the library's registry.
func (p Plugin) register(all *admission.Plugins) {
	all.Register(p.Name, func(config io.Reader) (admission.Interface, error) {
		a := &adapter{Handler: admission.NewHandler(p.On...), plugin: p}
		a.in.wait = a.WaitForReady
		if config != nil {
			text, err := io.ReadAll(config)
			if err != nil {
				return nil, fmt.Errorf("read configuration of admission plugin %s: %w", p.Name, err)
			}
			a.in.Config = bytes.NewReader(text)
		}
		switch p.Does {
		case mutates:
			return mutating{a}, nil
		case validates:
			return validating{a}, nil
		}
		return both{mutating{a}, validating{a}}, nil
	})
}

// adapter is a plugin in the library's form: it collects the inputs one by one.
type adapter struct {
	*admission.Handler
	plugin Plugin
	in     Inputs
	rules  Rules
}

func (a *adapter) SetExternalKubeInformerFactory(f informers.SharedInformerFactory) {
	a.in.Informers = f
}
func (a *adapter) SetExternalKubeClientSet(c kubernetes.Interface) { a.in.Client = c }
func (a *adapter) SetAuthorizer(z authorizer.Authorizer)           { a.in.Authorizer = z }
func (a *adapter) SetRESTMapper(m meta.RESTMapper)                 { a.in.Mapper = m }
func (a *adapter) setSettings(s Settings)                          { a.in.Settings = s }

// ValidateInitialization builds the plugin.
func (a *adapter) ValidateInitialization() error {
	if a.in.Informers == nil || a.in.Client == nil || a.in.Authorizer == nil {
		return fmt.Errorf("admission plugin %s needs informers, a client and an authorizer", a.plugin.Name)
	}
	var err error
	if a.rules, err = a.plugin.New(a.in); err != nil {
		return fmt.Errorf("set up admission plugin %s: %w", a.plugin.Name, err)
	}
	if (a.rules.Admit != nil) != (a.plugin.Does&mutates != 0) || (a.rules.Validate != nil) != (a.plugin.Does&validates != 0) {
		return fmt.Errorf("admission plugin %s does not do what it is listed for", a.plugin.Name)
	}
	a.SetReadyFunc(a.rules.Needs.done)
	return nil
}

type mutating struct{ *adapter }

func (m mutating) Admit(ctx context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
	return m.rules.Admit(ctx, a)
}

type validating struct{ *adapter }

func (v validating) Validate(ctx context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
	return v.rules.Validate(ctx, a)
}

type both struct {
	mutating
	validates validating
}

func (b both) Validate(ctx context.Context, a admission.Attributes, o admission.ObjectInterfaces) error {
	return b.validates.Validate(ctx, a, o)
}

// Initializer gives plugins the settings of the server's flags.
func Initializer(s Settings) admission.PluginInitializer { return settings(s) }

type settings Settings

func (s settings) Initialize(p admission.Interface) {
	if wants, ok := p.(interface{ setSettings(Settings) }); ok {
		wants.setSettings(Settings(s))
	}
}
