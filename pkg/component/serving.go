package component

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	goruntime "runtime"
	"strconv"
	"time"

	"github.com/spf13/pflag"
	genericapifilters "k8s.io/apiserver/pkg/endpoints/filters"
	apirequest "k8s.io/apiserver/pkg/endpoints/request"
	genericapiserver "k8s.io/apiserver/pkg/server"
	genericfilters "k8s.io/apiserver/pkg/server/filters"
	genericoptions "k8s.io/apiserver/pkg/server/options"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/component-base/metrics"
	"k8s.io/component-base/metrics/legacyregistry"
)

// Serving says where health, metrics and profiles are served over HTTPS, and to whom.
type Serving struct {
	Secure         *genericoptions.SecureServingOptionsWithLoopback
	Authentication *genericoptions.DelegatingAuthenticationOptions
	Authorization  *genericoptions.DelegatingAuthorizationOptions
	Metrics        *metrics.Options
	Profiling      bool
	// ContentionProfiling records where goroutines wait, for /debug/pprof/block; it needs Profiling.
	ContentionProfiling bool
}

// NewServing returns upstream's defaults: every address, the port, everybody may ask for health.
func NewServing(name string, port int) Serving {
	s := Serving{
		Secure:         genericoptions.NewSecureServingOptions().WithLoopback(),
		Authentication: genericoptions.NewDelegatingAuthenticationOptions(),
		Authorization:  genericoptions.NewDelegatingAuthorizationOptions(),
		Metrics:        metrics.NewOptions(),
		Profiling:      true,
	}
	s.Secure.BindPort = port
	s.Secure.ServerCert.CertDirectory = ""
	s.Secure.ServerCert.PairName = name
	// A component that is told nothing of an API server to ask lets nobody but health checks in.
	s.Authentication.RemoteKubeConfigFileOptional = true
	s.Authorization.RemoteKubeConfigFileOptional = true
	return s
}

// AddFlags adds the flags of the sections secure serving, authentication, authorization and metrics to one set.
func (s *Serving) AddFlags(fs *pflag.FlagSet) {
	s.Secure.AddFlags(fs)
	s.Authentication.AddFlags(fs)
	s.Authorization.AddFlags(fs)
	s.Metrics.AddFlags(fs)
	fs.BoolVar(&s.Profiling, "profiling", s.Profiling, "Enable profiling via web interface host:port/debug/pprof/.")
	fs.BoolVar(&s.ContentionProfiling, "contention-profiling", s.ContentionProfiling, "Enable block profiling, if profiling is enabled.")
}

// Validate returns every fault.
func (s *Serving) Validate() []error {
	errs := s.Secure.Validate()
	errs = append(errs, s.Metrics.Validate()...)
	errs = append(errs, s.Authentication.Validate()...)
	return append(errs, s.Authorization.Validate()...)
}

// shutdownTimeout bounds the wait for requests in flight at the end.
const shutdownTimeout = 5 * time.Second

// Run serves until ctx ends. healthy is asked by /healthz.
func (s *Serving) Run(ctx context.Context, healthy func() error) error {
	s.Metrics.Apply()
	if s.Profiling && s.ContentionProfiling {
		goruntime.SetBlockProfileRate(1)
	}
	if s.Secure.BindPort == 0 {
		<-ctx.Done()
		return nil
	}
	if err := s.Secure.MaybeDefaultWithSelfSignedCerts("localhost", nil, []net.IP{net.IPv4(127, 0, 0, 1)}); err != nil {
		return fmt.Errorf("make serving certificate: %w", err)
	}
	var serving *genericapiserver.SecureServingInfo
	if err := s.Secure.SecureServingOptions.ApplyTo(&serving); err != nil {
		return fmt.Errorf("serve health and metrics: %w", err)
	}
	var authn genericapiserver.AuthenticationInfo
	if err := s.Authentication.ApplyTo(&authn, serving, nil); err != nil {
		return fmt.Errorf("set up authentication: %w", err)
	}
	var authz genericapiserver.AuthorizationInfo
	if err := s.Authorization.ApplyTo(&authz); err != nil {
		return fmt.Errorf("set up authorization: %w", err)
	}
	handler := protect(Handler(ctx, healthy, s.Profiling), &authn, &authz)
	stopped, _, err := serving.Serve(handler, shutdownTimeout, ctx.Done())
	if err != nil {
		return fmt.Errorf("serve health and metrics: %w", err)
	}
	<-stopped
	return nil
}

// protect lets only those in whom the API server says may enter.
func protect(h http.Handler, authn *genericapiserver.AuthenticationInfo, authz *genericapiserver.AuthorizationInfo) http.Handler {
	codecs := scheme.Codecs
	failed := genericapifilters.Unauthorized(codecs)
	h = genericapifilters.WithAuthorization(h, authz.Authorizer, codecs)
	h = genericapifilters.WithAuthentication(h, authn.Authenticator, failed, nil, authn.RequestHeaderConfig)
	h = genericapifilters.WithRequestInfo(h, &apirequest.RequestInfoFactory{})
	h = genericapifilters.WithCacheControl(h)
	return genericfilters.WithPanicRecovery(h, &apirequest.RequestInfoFactory{})
}

// Handler serves /healthz, /livez, /readyz, /metrics, of a program /flagz and /statusz, and, if wanted, /debug/pprof/.
func Handler(ctx context.Context, healthy func() error, profiling bool) http.Handler {
	mux := &pages{ServeMux: http.NewServeMux()}
	health := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if err := healthy(); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		// The client has gone if this fails.
		_, _ = w.Write([]byte("ok"))
	})
	mux.Handle("/healthz", health)
	mux.Handle("/livez", health)
	mux.Handle("/readyz", health)
	mux.Handle("/metrics", legacyregistry.HandlerWithReset())
	if profiling {
		mux.Handle("/debug/pprof/", http.HandlerFunc(pprof.Index))
		mux.Handle("/debug/pprof/profile", http.HandlerFunc(pprof.Profile))
		mux.Handle("/debug/pprof/symbol", http.HandlerFunc(pprof.Symbol))
		mux.Handle("/debug/pprof/trace", http.HandlerFunc(pprof.Trace))
	}
	mux.install(ctx)
	return mux
}

// ServeInsecure serves a handler over plain HTTP until ctx ends, for endpoints that upstream serves to everybody on one
// address, usually of the loopback interface. An address with port 0 serves nothing.
func ServeInsecure(ctx context.Context, address string, handler http.Handler) error {
	if _, port, err := net.SplitHostPort(address); err != nil || port == strconv.Itoa(0) {
		<-ctx.Done()
		return err
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("serve on %s: %w", address, err)
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 30 * time.Second}
	ctx, stop := context.WithCancel(ctx)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		<-ctx.Done()
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
		defer cancel()
		if server.Shutdown(bounded) != nil {
			server.Close()
		}
	}()
	err = server.Serve(listener)
	stop()
	<-stopped
	if !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve on %s: %w", address, err)
	}
	return nil
}
