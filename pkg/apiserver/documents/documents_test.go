package documents

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/emicklei/go-restful/v3"
	"k8s.io/apiserver/pkg/server/mux"
	"k8s.io/kube-openapi/pkg/common"
	"k8s.io/kube-openapi/pkg/handler3"
	"k8s.io/kube-openapi/pkg/spec3"
	"k8s.io/kube-openapi/pkg/validation/spec"
)

// server serves the documents of one group. It counts how often definitions are asked for.
func server(t *testing.T, identity string, built *int) http.Handler {
	t.Helper()
	definitions := func(common.ReferenceCallback) map[string]common.OpenAPIDefinition {
		*built++
		return nil
	}
	service := new(restful.WebService)
	service.Path("/apis/example.com/v1")
	service.Route(service.GET("/things").To(func(*restful.Request, *restful.Response) {}).Operation("list"))
	m := mux.NewPathRecorderMux("test")
	err := Install([]*restful.WebService{service}, m, Config{
		V2:       &common.Config{Info: &spec.Info{}, GetDefinitions: definitions},
		V3:       &common.OpenAPIV3Config{Info: &spec.Info{}, GetDefinitions: definitions},
		Identity: identity,
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func get(t *testing.T, h http.Handler, url string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, url, nil)
	r.Header.Set("Accept", "application/json")
	h.ServeHTTP(w, r)
	return w
}

func list(t *testing.T, h http.Handler) string {
	t.Helper()
	var paths handler3.OpenAPIV3Discovery
	if err := json.Unmarshal(get(t, h, "/openapi/v3").Body.Bytes(), &paths); err != nil {
		t.Fatal(err)
	}
	return paths.Paths["apis/example.com/v1"].ServerRelativeURL
}

func TestDocuments(t *testing.T) {
	built := 0
	h := server(t, "one", &built)
	url := list(t, h)
	if built != 0 {
		t.Error("the list built a document")
	}
	for range 2 {
		w := get(t, h, url)
		var got spec3.OpenAPI
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		if got.Paths == nil || got.Paths.Paths["/apis/example.com/v1/things"] == nil {
			t.Errorf("document: %s", w.Body)
		}
		if got := w.Header().Get("Cache-Control"); got != "public, immutable" {
			t.Errorf("Cache-Control: %q", got)
		}
	}
	if built != 1 {
		t.Errorf("built %d times", built)
	}
	if w := get(t, h, "/openapi/v3/apis/example.com/v1"); w.Code != http.StatusOK || w.Header().Get("Cache-Control") != "" {
		t.Errorf("without hash: %d, %v", w.Code, w.Header())
	}
	if w := get(t, h, "/openapi/v3/apis/example.com/v1?hash=old"); w.Code != http.StatusMovedPermanently || w.Header().Get("Location") != url {
		t.Errorf("with an old hash: %d to %q, want %q", w.Code, w.Header().Get("Location"), url)
	}
	if w := get(t, h, "/openapi/v3/apis/example.com/v2"); w.Code != http.StatusNotFound {
		t.Errorf("document that is not there: %d", w.Code)
	}
	var v2 spec.Swagger
	if err := json.Unmarshal(get(t, h, "/openapi/v2").Body.Bytes(), &v2); err != nil {
		t.Fatal(err)
	}
	if _, found := v2.Paths.Paths["/apis/example.com/v1/things"]; !found {
		t.Errorf("v2: %v", v2.Paths)
	}
}

func TestHash(t *testing.T) {
	built := 0
	one, again, other := list(t, server(t, "one", &built)), list(t, server(t, "one", &built)), list(t, server(t, "other", &built))
	if one != again || one == other {
		t.Errorf("same identity: %s, %s; another: %s", one, again, other)
	}
}
