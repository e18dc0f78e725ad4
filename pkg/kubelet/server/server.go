package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	internalapi "k8s.io/cri-api/pkg/apis"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/cri-streaming/pkg/streaming/remotecommand"
	"k8s.io/klog/v2"
	statsapi "k8s.io/kubelet/pkg/apis/stats/v1alpha1"

	"github.com/proa-sh/proa/pkg/kubelet/podstate"
)

// Pods knows the pods of this node, each with the newest status that the kubelet has computed.
type Pods interface {
	Pods() []*v1.Pod
	// Pod gives the pod of that name; false when there is none on this node.
	Pod(namespace, name string) (*v1.Pod, bool)
	// Instance gives the newest instance of a container as the runtime has it, whatever the status calls it: one whose postStart
	// hook has not ended is still waiting there. It is false when there is none.
	Instance(uid types.UID, container string) (podstate.Container, bool)
}

// Images tells the use of the file system that holds images.
type Images interface {
	ImageFsInfo(ctx context.Context) (*runtimeapi.ImageFsInfoResponse, error)
}

// Usage tells what the machine, and all pods together, use.
type Usage interface {
	NodeUsage() (*statsapi.CPUStats, *statsapi.MemoryStats, error)
	PodsUsage() (*statsapi.CPUStats, *statsapi.MemoryStats, error)
}

// Config is what a Server is made of.
type Config struct {
	NodeName string
	// Listener is where HTTPS is served, with the certificate of TLS. Server closes it.
	Listener net.Listener
	TLS      *tls.Config
	// Healthz, when not nil, serves /healthz without TLS and authentication; it must be on loopback. Server closes it.
	Healthz net.Listener

	Authenticator authenticator.Request
	Authorizer    authorizer.Authorizer

	Pods    Pods
	Runtime internalapi.RuntimeService
	Images  Images
	Usage   Usage
	// Exec runs commands whose stdin is connected, in the container of the id that it is given; nil leaves them to the runtime, as all
	// others.
	Exec remotecommand.Executor
	// Healthy says whether the kubelet works; nil means always.
	Healthy func() error
	// Configz is shown as the value of kubeletconfig at /configz.
	Configz any
	// Metrics and ProbeMetrics are shown at /metrics and /metrics/probes; a nil one is not served.
	Metrics, ProbeMetrics prometheus.Gatherer
	// Streaming serves exec, attach, port-forward, run and logs of containers (--enable-debugging-handlers).
	Streaming bool
	// SystemLogs serves /var/log at /logs/.
	SystemLogs bool
	// PodLogs is the directory of container logs, /var/log/pods when empty; RootDir the kubelet's, whose file system is
	// the node's in statistics, /var/lib/kubelet when empty.
	PodLogs, RootDir string
	// Log is the directory served at /logs/, /var/log when empty.
	Log string
	// IdleTimeout ends streams on which nothing moves, 4 h when 0.
	IdleTimeout time.Duration
	// Started is when the node's machine or kubelet came up, for statistics; now when zero.
	Started time.Time
}

// Server serves the kubelet's API.
type Server struct {
	cfg     Config
	handler http.Handler
	logs    *os.Root // /var/log; nil unless it is served
	// reads are the reads of logs that were just made.
	reads reads
}

// New checks the configuration and builds the routes.
func New(cfg Config) (*Server, error) {
	if cfg.NodeName == "" || cfg.Authenticator == nil || cfg.Authorizer == nil || cfg.Pods == nil || cfg.Runtime == nil {
		return nil, errors.New("a kubelet server needs NodeName, Authenticator, Authorizer, Pods and Runtime")
	}
	defaultTo(&cfg.PodLogs, "/var/log/pods")
	defaultTo(&cfg.RootDir, "/var/lib/kubelet")
	defaultTo(&cfg.Log, "/var/log")
	if cfg.IdleTimeout == 0 {
		cfg.IdleTimeout = 4 * time.Hour
	}
	if cfg.Started.IsZero() {
		cfg.Started = time.Now()
	}
	s := &Server{cfg: cfg}
	if cfg.SystemLogs {
		root, err := os.OpenRoot(cfg.Log)
		if err != nil {
			return nil, fmt.Errorf("open directory of system logs: %w", err)
		}
		s.logs = root
	}
	s.handler = s.routes()
	return s, nil
}

func defaultTo(value *string, text string) {
	if *value == "" {
		*value = text
	}
}

// Handler is the HTTPS API without its listener.
func (s *Server) Handler() http.Handler { return s.handler }

// Run serves until ctx ends, then lets requests end for a moment and closes what is left, streams too.
func (s *Server) Run(ctx context.Context) error {
	if s.cfg.Listener == nil || s.cfg.TLS == nil {
		return errors.New("a kubelet server needs Listener and TLS to run")
	}
	if s.logs != nil {
		defer s.logs.Close()
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	failed := make(chan error, 2)
	var serving sync.WaitGroup
	serving.Go(func() {
		failed <- serve(ctx, &http.Server{Handler: s.handler, TLSConfig: s.cfg.TLS, IdleTimeout: 90 * time.Second},
			idleListener{s.cfg.Listener, s.cfg.IdleTimeout})
		cancel()
	})
	if s.cfg.Healthz != nil {
		serving.Go(func() {
			failed <- serve(ctx, &http.Server{Handler: s.health(), ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second}, s.cfg.Healthz)
			cancel()
		})
	}
	klog.FromContext(ctx).Info("Serving the kubelet's API", "address", s.cfg.Listener.Addr().String())
	serving.Wait()
	close(failed)
	var errs []error
	for err := range failed {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
