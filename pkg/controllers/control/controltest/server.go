package controltest

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
)

// Server is an API server in memory.
type Server struct {
	t     testing.TB
	store *store
	http  *httptest.Server

	mu    sync.Mutex
	kinds []Kind              // guarded by mu
	fail  func(Request) error // guarded by mu
	count map[string]int      // guarded by mu; requests by "verb resource[/subresource]"
}

// Request is what a failure function is asked about.
type Request struct {
	Verb, Resource, Subresource, Namespace, Name string
	// Body is what was sent.
	Body []byte
}

// NewServer starts a server with objects in it. It ends with the test.
func NewServer(t testing.TB, objects ...runtime.Object) *Server {
	t.Helper()
	s := &Server{t: t, store: newStore(), kinds: builtin(), count: map[string]int{}}
	s.http = httptest.NewServer(s)
	t.Cleanup(func() {
		s.store.close()
		s.http.CloseClientConnections()
		s.http.Close()
	})
	for _, obj := range objects {
		s.Put(obj)
	}
	return s
}

// Config is a connection to the server without rate limits.
func (s *Server) Config() *rest.Config {
	return &rest.Config{Host: s.http.URL, QPS: -1, ContentConfig: rest.ContentConfig{ContentType: runtime.ContentTypeJSON}}
}

// Client is a typed client.
func (s *Server) Client() kubernetes.Interface {
	client, err := kubernetes.NewForConfig(s.Config())
	if err != nil {
		s.t.Fatal(err)
	}
	return client
}

// AddKind serves one more resource from now on.
func (s *Server) AddKind(kind Kind) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kinds = append(s.kinds, kind)
}

// RemoveKind serves a resource no longer, and ends its watches. Its objects are kept.
func (s *Server) RemoveKind(group, resource string) {
	s.mu.Lock()
	s.kinds = slices.DeleteFunc(s.kinds, func(k Kind) bool { return k.Group == group && k.Resource == resource })
	s.mu.Unlock()
	s.store.wake()
}

func (s *Server) serves(kind Kind) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Contains(s.kinds, kind)
}

// Fail makes requests fail for which f returns an error; nil ends it.
func (s *Server) Fail(f func(Request) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = f
}

// Count returns how many requests there were, by "verb resource" or "verb resource/subresource".
func (s *Server) Count(what string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count[what]
}

// Hold makes watches of a resource stand still, so that caches grow stale; Release lets them go on.
func (s *Server) Hold(group, resource string) {
	s.store.hold(schema.GroupResource{Group: group, Resource: resource}, true)
}

// Release ends Hold.
func (s *Server) Release(group, resource string) {
	s.store.hold(schema.GroupResource{Group: group, Resource: resource}, false)
}

// Put stores an object as it is, status included, whether it was there or not.
func (s *Server) Put(obj runtime.Object) {
	s.t.Helper()
	u := s.toUnstructured(obj)
	kind, ok := s.kindOf(u.GroupVersionKind())
	if !ok {
		s.t.Fatalf("put %s: kind not served", u.GroupVersionKind())
	}
	_, err := s.store.modify(kind.GroupResource(), nameOf(u), func(old object) error {
		uid, created := old.GetUID(), old.GetCreationTimestamp()
		old.Object = u.DeepCopy().Object
		if old.GetUID() == "" {
			old.SetUID(uid)
		}
		if old.GetCreationTimestamp().Time.IsZero() {
			old.SetCreationTimestamp(created)
		}
		return nil
	})
	if apierrors.IsNotFound(err) {
		_, err = s.store.create(kind.GroupResource(), u)
	}
	if err != nil {
		s.t.Fatalf("put %s: %v", u.GetName(), err)
	}
}

func (s *Server) toUnstructured(obj runtime.Object) object {
	s.t.Helper()
	if u, ok := obj.(object); ok {
		return u.DeepCopy()
	}
	gvks, _, err := scheme.Scheme.ObjectKinds(obj)
	if err != nil {
		s.t.Fatal(err)
	}
	data, err := json.Marshal(obj)
	if err != nil {
		s.t.Fatal(err)
	}
	u := &unstructured.Unstructured{}
	if err := json.Unmarshal(data, &u.Object); err != nil {
		s.t.Fatal(err)
	}
	u.Object = integers(u.Object).(map[string]any)
	u.SetGroupVersionKind(gvks[0])
	return u
}

func (s *Server) kindOf(gvk schema.GroupVersionKind) (Kind, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.kinds {
		if k.Group == gvk.Group && k.Version == gvk.Version && k.Kind == gvk.Kind {
			return k, true
		}
	}
	return Kind{}, false
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client has gone
	}
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	s.store.note()
	if s.discover(w, parts) {
		return
	}
	call, ok := s.parse(r, parts)
	if !ok {
		http.NotFound(w, r)
		return
	}
	call.body = body
	s.mu.Lock()
	fail := s.fail
	what := call.verb + " " + call.kind.Resource
	if call.subresource != "" {
		what += "/" + call.subresource
	}
	s.count[what]++
	s.mu.Unlock()
	if fail != nil {
		request := Request{Verb: call.verb, Resource: call.kind.Resource, Subresource: call.subresource, Namespace: call.name.Namespace, Name: call.name.Name, Body: body}
		if err := fail(request); err != nil {
			respondError(w, err)
			return
		}
	}
	s.serve(w, r, call)
}

func equal(a, b any) bool { return reflect.DeepEqual(a, b) }

// integers turns whole numbers of decoded JSON into int64, as unstructured objects have them.
func integers(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for key := range v {
			v[key] = integers(v[key])
		}
	case []any:
		for i := range v {
			v[i] = integers(v[i])
		}
	case float64:
		if v == float64(int64(v)) {
			return int64(v)
		}
	}
	return value
}
