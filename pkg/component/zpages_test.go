package component

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	cliflag "k8s.io/component-base/cli/flag"
)

// TestPages reads what a program tells of itself; a component that is a part of another program tells nothing.
func TestPages(t *testing.T) {
	sections := cliflag.NamedFlagSets{}
	sections.FlagSet("one").Int("burst", 7, "")
	healthy := func() error { return nil }
	whole, part := Handler(withProgram(t.Context(), "kube-scheduler", sections), healthy, true), Handler(t.Context(), healthy, false)
	for _, c := range []struct {
		handler http.Handler
		path    string
		code    int
		says    []string
	}{
		{whole, "/flagz", http.StatusOK, []string{"kube-scheduler flagz", "burst"}},
		{whole, "/statusz", http.StatusOK, []string{"kube-scheduler statusz", "Go version", "/healthz", "/metrics", "/flagz", "/debug"}},
		{whole, "/livez", http.StatusOK, []string{"ok"}},
		{part, "/flagz", http.StatusNotFound, nil},
		{part, "/statusz", http.StatusNotFound, nil},
		{part, "/debug/pprof/", http.StatusNotFound, nil},
	} {
		r := httptest.NewRequest(http.MethodGet, c.path, nil)
		r.Header.Set("Accept", "text/plain")
		answer := httptest.NewRecorder()
		c.handler.ServeHTTP(answer, r)
		if answer.Code != c.code {
			t.Errorf("%s: got %d, want %d", c.path, answer.Code, c.code)
		}
		for _, s := range c.says {
			if !strings.Contains(answer.Body.String(), s) {
				t.Errorf("%s: lacks %q:\n%s", c.path, s, answer.Body)
			}
		}
	}
}
