package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"time"

	"github.com/proa-sh/proa/pkg/cluster/crash"
)

// Status is what Client.Status gives.
type Status struct {
	Pid     int       `json:"pid"`
	Began   time.Time `json:"began"`
	Phase   Phase     `json:"phase"`
	Version string    `json:"version"`
	// Server is the API server's URL.
	Server string `json:"server"`
	// Nodes are those that the cluster should have, this machine first, and those besides that the API has. Pods counts all
	// pods; it is nil when there is no API server.
	Nodes []Node `json:"nodes,omitempty"`
	Pods  *Pods  `json:"pods,omitempty"`
	// Parts says of each part why it does not work; an empty text means that it does.
	Parts map[string]string `json:"parts"`
	// LeftOut are parts that were not started because they have brought the server down again and again.
	LeftOut []string `json:"leftOut,omitempty"`
	// Falls are the ends of the server that nobody asked for, since it was last asked to end.
	Falls []crash.Record `json:"falls,omitempty"`
}

// Node is a node; Fault says why it is not ready, and is empty if it is.
type Node struct {
	Name    string `json:"name"`
	Address string `json:"address,omitempty"`
	// PodCIDR is the network of its pods.
	PodCIDR string `json:"podCIDR,omitempty"`
	Fault   string `json:"fault,omitempty"`
}

// Pods are numbers of pods. Those that are in none of the other numbers are starting or not ready.
type Pods struct {
	All       int `json:"all"`
	Ready     int `json:"ready"`
	Completed int `json:"completed"`
	Failed    int `json:"failed"`
	Ending    int `json:"ending"`
}

// Server serves the socket.
type Server struct {
	// Timeline is what followers get.
	Timeline *Timeline
	// Status is asked for what Timeline does not know; Phase is filled in.
	Status func(context.Context) Status
	// Stop is called when somebody wants the cluster to stop, and perhaps again by somebody who wants it sooner.
	Stop func(How)
	// Nodes does what is asked for with nodes; nil where there are none.
	Nodes Nodes
}

// How is in what way a cluster is to stop: with its pods or not, and if so, with the time that each may take or at once.
type How struct{ Pods, Now bool }

// Listen makes the socket, for root alone. One that is there is a dead process's.
func Listen(socket string) (net.Listener, error) {
	if err := os.Remove(socket); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("remove old control socket: %w", err)
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return nil, fmt.Errorf("make control socket: %w", err)
	}
	if err := os.Chmod(socket, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("protect control socket: %w", err), listener.Close())
	}
	return listener, nil
}

// Serve serves until ctx ends. Whoever follows then gets what is left; a caller that wants them to see the end enters
// Stopped before.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", s.status)
	mux.HandleFunc("GET /events", s.events)
	mux.HandleFunc("POST /stop", s.stop)
	mux.HandleFunc("POST /nodes/{action}", s.node)
	// Profiles of this process, for whoever can open the socket: root.
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serve control socket: %w", err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if err := server.Shutdown(grace); err != nil {
		server.Close()
	}
	<-ended
	return nil
}

func (s *Server) status(w http.ResponseWriter, r *http.Request) {
	status := s.Status(r.Context())
	status.Phase = s.Timeline.Phase()
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(status); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/x-ndjson")
	encoder := json.NewEncoder(w)
	controller := http.NewResponseController(w)
	s.Timeline.Follow(r.Context(), func(m Message) bool {
		return encoder.Encode(m) == nil && controller.Flush() == nil
	})
}

func (s *Server) stop(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	s.Stop(How{Pods: query.Get("pods") == "true", Now: query.Get("now") == "true"})
	w.WriteHeader(http.StatusAccepted)
}
