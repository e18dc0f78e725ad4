package server

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"k8s.io/klog/v2"
)

// health is what is served on loopback without authentication.
func (s *Server) health() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", s.serveHealth)
	mux.HandleFunc("GET /healthz/{check}", s.serveHealth)
	return mux
}

// serveHealth answers ok when the kubelet works. /healthz/ping asks only whether it answers.
func (s *Server) serveHealth(w http.ResponseWriter, r *http.Request) {
	switch check := r.PathValue("check"); check {
	case "", "syncloop", "log":
		if s.cfg.Healthy == nil || check == "log" {
			break
		}
		if err := s.cfg.Healthy(); err != nil {
			http.Error(w, "healthz check failed: "+err.Error(), http.StatusInternalServerError)
			return
		}
	case "ping":
	default:
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	fmt.Fprint(w, "ok")
}

// serveConfig shows the configuration in force.
func (s *Server) serveConfig(w http.ResponseWriter, r *http.Request) {
	writeJSON(w, r, map[string]any{"kubeletconfig": s.cfg.Configz})
}

// writeJSON answers with a value.
func writeJSON(w http.ResponseWriter, r *http.Request, value any) {
	data, err := json.Marshal(value)
	if err != nil {
		klog.FromContext(r.Context()).Error(err, "Encoding an answer failed", "path", r.URL.Path)
		http.Error(w, "encode answer: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	// The client may have gone; there is nobody to tell.
	_, _ = w.Write(data)
}

// serveGatherer shows metrics in the format that the scraper asks for.
func serveGatherer(gatherer prometheus.Gatherer) http.HandlerFunc {
	return promhttp.HandlerFor(gatherer, promhttp.HandlerOpts{}).ServeHTTP
}
