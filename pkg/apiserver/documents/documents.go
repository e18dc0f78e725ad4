package documents

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/emicklei/go-restful/v3"
	"k8s.io/apiserver/pkg/server/mux"
	"k8s.io/apiserver/pkg/server/routes"
	"k8s.io/kube-openapi/pkg/common"
	"k8s.io/kube-openapi/pkg/handler3"
)

// Config is what documents are made from.
type Config struct {
	V2 *common.Config
	V3 *common.OpenAPIV3Config
	// Identity is another one whenever documents of the same paths may differ.
	Identity string
}

const (
	pathV2 = "/openapi/v2"
	pathV3 = "/openapi/v3"
)

// Install serves the documents of the web services from the mux.
func Install(services []*restful.WebService, to *mux.PathRecorderMux, c Config) error {
	to.Handle(pathV2, lazily(pathV2, services, func(all *restful.Container, own *mux.PathRecorderMux) {
		routes.OpenAPI{Config: c.V2}.InstallV2(all, own)
	}))
	groups := map[string]*document{}
	list := handler3.OpenAPIV3Discovery{Paths: map[string]handler3.OpenAPIV3DiscoveryGroupVersion{}}
	for _, s := range services {
		name := strings.TrimPrefix(s.RootPath(), "/")
		d := &document{
			path: pathV3 + "/" + name, hash: hash(c.Identity, s),
			content: lazily(name, []*restful.WebService{s}, func(all *restful.Container, own *mux.PathRecorderMux) {
				routes.OpenAPI{V3Config: c.V3}.InstallV3(all, own)
			}),
		}
		groups[d.path] = d
		list.Paths[name] = handler3.OpenAPIV3DiscoveryGroupVersion{ServerRelativeURL: d.url()}
	}
	content, err := json.Marshal(list)
	if err != nil {
		return fmt.Errorf("encode list of OpenAPI documents: %w", err)
	}
	to.Handle(pathV3, index(content))
	to.HandlePrefix(pathV3+"/", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if d := groups[r.URL.Path]; d != nil {
			d.ServeHTTP(w, r)
			return
		}
		http.NotFound(w, r)
	}))
	return nil
}

// lazily serves what install puts into a mux of its own, and installs it when it is first asked for.
func lazily(name string, services []*restful.WebService, install func(*restful.Container, *mux.PathRecorderMux)) http.Handler {
	handler := sync.OnceValue(func() http.Handler {
		all, own := restful.NewContainer(), mux.NewPathRecorderMux(name)
		for _, s := range services {
			all.Add(s)
		}
		install(all, own)
		return own
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler().ServeHTTP(w, r) })
}

// hash changes with the identity and with the paths and methods of the web service.
func hash(identity string, s *restful.WebService) string {
	h := sha256.New()
	fmt.Fprintln(h, identity)
	for _, r := range s.Routes() {
		fmt.Fprintln(h, r.Method, r.Path)
	}
	return fmt.Sprintf("%X", h.Sum(nil))
}

// index serves the list of the documents.
func index(content []byte) http.HandlerFunc {
	etag, made := strconv.Quote(fmt.Sprintf("%X", sha256.Sum256(content))), time.Now()
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Etag", etag)
		w.Header().Set("Content-Type", "application/json")
		http.ServeContent(w, r, "", made, bytes.NewReader(content))
	}
}

// document is that of a group version.
type document struct {
	path, hash string
	content    http.Handler
}

func (d *document) url() string {
	return (&url.URL{Path: d.path, RawQuery: url.Values{"hash": {d.hash}}.Encode()}).String()
}

// keepFor is how long clients may keep a document that they asked for by its hash.
const keepFor = 365 * 24 * time.Hour

// ServeHTTP serves the document, or says where it is if it is asked for by an old hash.
func (d *document) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Query().Get("hash") {
	case "":
	case d.hash:
		w.Header().Set("Cache-Control", "public, immutable")
		w.Header().Set("Expires", time.Now().Add(keepFor).UTC().Format(http.TimeFormat))
		// The library would compare the hash with its own.
		r = r.Clone(r.Context())
		r.URL.RawQuery = ""
	default:
		http.Redirect(w, r, d.url(), http.StatusMovedPermanently)
		return
	}
	d.content.ServeHTTP(w, r)
}
