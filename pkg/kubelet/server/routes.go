package server

import (
	"net/http"
	"strings"
)

// route is one path of the API and what a caller needs for it: the verb on one of the subresources of this node. A verb
// left empty follows from the HTTP method.
type route struct {
	pattern      string
	verb         string
	subresources []string
	handler      http.HandlerFunc
}

// routes builds the handler of the HTTPS API.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	for _, r := range s.table() {
		mux.Handle(r.pattern, s.guard(r))
	}
	return mux
}

// table lists every route. Subresources beside proxy are those of fine-grained authorisation (KEP-2862); who has proxy may
// all of them but the ones of their own.
func (s *Server) table() []route {
	fine := func(name string) []string { return []string{name, "proxy"} }
	table := []route{
		{"/", "", []string{"proxy"}, http.NotFound},
		{"GET /healthz", "", fine("healthz"), s.serveHealth},
		{"GET /healthz/{check}", "", fine("healthz"), s.serveHealth},
		{"GET /configz", "", fine("configz"), s.serveConfig},
		{"GET /pods", "", fine("pods"), s.servePods},
		{"GET /pods/{$}", "", fine("pods"), s.servePods},
		{"GET /runningpods", "", fine("pods"), s.serveRunningPods},
		{"GET /runningpods/{$}", "", fine("pods"), s.serveRunningPods},
		{"GET /stats/summary", "", []string{"stats"}, s.serveSummary},
		{"GET /metrics/resource", "", []string{"metrics"}, s.serveResourceMetrics},
	}
	if s.cfg.Metrics != nil {
		table = append(table, route{"GET /metrics", "", []string{"metrics"}, serveGatherer(s.cfg.Metrics)})
	}
	if s.cfg.ProbeMetrics != nil {
		table = append(table, route{"GET /metrics/probes", "", []string{"metrics"}, serveGatherer(s.cfg.ProbeMetrics)})
	}
	if s.logs != nil {
		files := http.StripPrefix("/logs", http.FileServerFS(plainFiles{s.logs}))
		table = append(table, route{"GET /logs/", "", []string{"log"}, files.ServeHTTP})
	}
	if !s.cfg.Streaming {
		return table
	}
	table = append(table,
		route{"GET /containerLogs/{namespace}/{pod}/{container}", "", []string{"proxy"}, s.serveLogs},
		route{"POST /run/{namespace}/{pod}/{container}", "create", []string{"proxy"}, s.serveRun},
		route{"POST /run/{namespace}/{pod}/{uid}/{container}", "create", []string{"proxy"}, s.serveRun},
	)
	for _, method := range []string{"GET ", "POST "} {
		table = append(table,
			route{method + "/exec/{namespace}/{pod}/{container}", "create", []string{"proxy"}, s.serveExec},
			route{method + "/exec/{namespace}/{pod}/{uid}/{container}", "create", []string{"proxy"}, s.serveExec},
			route{method + "/attach/{namespace}/{pod}/{container}", "create", []string{"proxy"}, s.serveAttach},
			route{method + "/attach/{namespace}/{pod}/{uid}/{container}", "create", []string{"proxy"}, s.serveAttach},
			route{method + "/portForward/{namespace}/{pod}", "create", []string{"proxy"}, s.servePortForward},
			route{method + "/portForward/{namespace}/{pod}/{uid}", "create", []string{"proxy"}, s.servePortForward},
		)
	}
	return table
}

// verbOf is the API verb of an HTTP method.
func verbOf(method string) string {
	switch method {
	case http.MethodPost:
		return "create"
	case http.MethodGet, http.MethodHead:
		return "get"
	case http.MethodPut:
		return "update"
	}
	return strings.ToLower(method)
}
