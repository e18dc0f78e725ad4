//go:build faults

package apiserver

import (
	"net/http"

	"github.com/proa-sh/proa/pkg/killpoint"
)

// killable lets the process be killed when the handler begins to answer a write that succeeded.
func killable(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Method {
		case http.MethodPut, http.MethodPatch, http.MethodDelete:
			w = &answer{ResponseWriter: w}
		case http.MethodPost:
			if r.Header.Get("Upgrade") == "" {
				w = &answer{ResponseWriter: w}
			}
		}
		h.ServeHTTP(w, r)
	})
}

// answer is the answer to a write.
type answer struct {
	http.ResponseWriter
	begun bool
}

// Unwrap is for http.ResponseController and the library's own wrappers.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// Flush is for handlers that ask for it by its interface.
func (a *answer) Flush() {
	if f, ok := a.ResponseWriter.(http.Flusher); ok {
		f.Flush()
	}
}

func (a *answer) WriteHeader(code int) {
	if !a.begun && code < http.StatusMultipleChoices {
		killpoint.Here(killpoint.Answered)
	}
	a.begun = true
	a.ResponseWriter.WriteHeader(code)
}

func (a *answer) Write(data []byte) (int, error) {
	if !a.begun {
		a.WriteHeader(http.StatusOK)
	}
	return a.ResponseWriter.Write(data)
}
