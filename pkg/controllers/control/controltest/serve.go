package controltest

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
)

// call is a parsed request.
type call struct {
	verb         string
	kind         Kind
	name         types.NamespacedName
	subresource  string
	body         []byte
	metadataOnly bool
	labels       labels.Selector
	fields       fields.Selector
}

// parse reads the path: [api|apis, group] version [namespaces ns] resource [name [subresource]].
func (s *Server) parse(r *http.Request, parts []string) (call, bool) {
	c := call{metadataOnly: strings.Contains(r.Header.Get("Accept"), "as=PartialObjectMetadata")}
	group := ""
	switch {
	case len(parts) >= 3 && parts[0] == "api":
		parts = parts[1:]
	case len(parts) >= 4 && parts[0] == "apis":
		group, parts = parts[1], parts[2:]
	default:
		return c, false
	}
	version, rest := parts[0], parts[1:]
	if len(rest) >= 3 && rest[0] == "namespaces" && !slices.Contains([]string{"status", "finalize"}, rest[2]) {
		c.name.Namespace, rest = rest[1], rest[2:]
	}
	resource := schema.GroupVersionResource{Group: group, Version: version, Resource: rest[0]}
	s.mu.Lock()
	i := slices.IndexFunc(s.kinds, func(k Kind) bool { return k.GroupVersionResource == resource })
	if i >= 0 {
		c.kind = s.kinds[i]
	}
	s.mu.Unlock()
	if i < 0 {
		return c, false
	}
	if len(rest) > 1 {
		c.name.Name = rest[1]
	}
	if len(rest) > 2 {
		c.subresource = rest[2]
	}
	var err error
	if c.labels, err = labels.Parse(r.URL.Query().Get("labelSelector")); err != nil {
		return c, false
	}
	if c.fields, err = fields.ParseSelector(r.URL.Query().Get("fieldSelector")); err != nil {
		return c, false
	}
	c.verb = verbOf(r, c.name.Name)
	return c, true
}

func verbOf(r *http.Request, name string) string {
	switch {
	case r.Method == http.MethodGet && r.URL.Query().Get("watch") != "" && r.URL.Query().Get("watch") != "false":
		return "watch"
	case r.Method == http.MethodGet && name == "":
		return "list"
	case r.Method == http.MethodDelete && name == "":
		return "deletecollection"
	default:
		return map[string]string{"GET": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}[r.Method]
	}
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request, c call) {
	resource := c.kind.GroupResource()
	switch c.verb {
	case "watch":
		s.watch(w, r, c)
	case "list":
		s.list(w, c)
	case "get":
		respond(w, c)(s.store.get(resource, c.name))
	case "create":
		respond(w, c)(s.create(c))
	case "update":
		respond(w, c)(s.update(c))
	case "patch":
		respond(w, c)(s.patch(c, types.PatchType(r.Header.Get("Content-Type"))))
	case "delete":
		options, err := deleteOptions(c.body)
		if err != nil {
			respondError(w, err)
			return
		}
		respond(w, c)(s.store.remove(resource, c.name, options))
	case "deletecollection":
		s.deleteCollection(w, c)
	}
}

// matches says whether the selectors of a list or watch pick obj.
func (c call) matches(obj object) bool {
	if c.name.Namespace != "" && obj.GetNamespace() != c.name.Namespace {
		return false
	}
	set := fields.Set{}
	for _, want := range c.fields.Requirements() {
		value, _, _ := unstructured.NestedFieldNoCopy(obj.Object, strings.Split(want.Field, ".")...)
		set[want.Field], _ = value.(string)
	}
	return c.labels.Matches(labels.Set(obj.GetLabels())) && c.fields.Matches(set)
}

func (s *Server) list(w http.ResponseWriter, c call) {
	all, version := s.store.list(c.kind.GroupResource(), c.name.Namespace)
	items := []any{}
	for _, obj := range all {
		if c.matches(obj) {
			items = append(items, c.shape(obj).Object)
		}
	}
	apiVersion, kind := c.kind.GroupVersion().String(), c.kind.Kind+"List"
	if c.metadataOnly {
		apiVersion, kind = "meta.k8s.io/v1", "PartialObjectMetadataList"
	}
	writeJSON(w, http.StatusOK, map[string]any{
		"apiVersion": apiVersion, "kind": kind, "items": items,
		"metadata": map[string]any{"resourceVersion": strconv.FormatUint(version, 10)},
	})
}

// shape is obj in the form that the client asked for.
func (c call) shape(obj object) object {
	if !c.metadataOnly {
		return obj
	}
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": obj.Object["metadata"],
	}}
}

func (s *Server) watch(w http.ResponseWriter, r *http.Request, c call) {
	flusher := w.(http.Flusher)
	w.Header().Set("Content-Type", runtime.ContentTypeJSON)
	w.WriteHeader(http.StatusOK)
	encoder := json.NewEncoder(w)
	send := func(kind watch.EventType, obj object) {
		// An error means that the client has gone, which the context tells too.
		_ = encoder.Encode(map[string]any{"type": kind, "object": obj.Object})
		flusher.Flush()
	}
	version, err := strconv.ParseUint(r.URL.Query().Get("resourceVersion"), 10, 64)
	if err != nil || version == 0 || r.URL.Query().Get("sendInitialEvents") == "true" {
		var all []object
		all, version = s.store.list(c.kind.GroupResource(), c.name.Namespace)
		for _, obj := range all {
			if c.matches(obj) {
				send(watch.Added, c.shape(obj))
			}
		}
		if r.URL.Query().Get("sendInitialEvents") == "true" {
			end := c.shape(versioned(version))
			if !c.metadataOnly {
				end.SetGroupVersionKind(c.kind.GroupVersion().WithKind(c.kind.Kind))
			}
			end.SetAnnotations(map[string]string{metav1.InitialEventsAnnotationKey: "true"})
			send(watch.Bookmark, end)
		}
	}
	flusher.Flush()
	done := r.Context()
	go func() {
		<-done.Done()
		s.store.wake()
	}()
	place := s.store.position(version)
	for {
		next, after, ok := s.store.next(c.kind.GroupResource(), place, func() bool { return done.Err() != nil || !s.serves(c.kind) })
		if !ok {
			return
		}
		place = after
		if c.matches(next.object) {
			send(next.kind, c.shape(next.object))
		}
	}
}

func (s *Server) deleteCollection(w http.ResponseWriter, c call) {
	options, err := deleteOptions(c.body)
	if err != nil {
		respondError(w, err)
		return
	}
	all, _ := s.store.list(c.kind.GroupResource(), c.name.Namespace)
	for _, obj := range all {
		if !c.matches(obj) {
			continue
		}
		if _, err := s.store.remove(c.kind.GroupResource(), nameOf(obj), options); err != nil && !apierrors.IsNotFound(err) {
			respondError(w, err)
			return
		}
	}
	writeJSON(w, http.StatusOK, metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: metav1.StatusSuccess})
}

func deleteOptions(body []byte) (metav1.DeleteOptions, error) {
	var options metav1.DeleteOptions
	if len(body) == 0 {
		return options, nil
	}
	if err := json.Unmarshal(body, &options); err != nil {
		return options, apierrors.NewBadRequest(err.Error())
	}
	return options, nil
}

func respond(w http.ResponseWriter, c call) func(object, error) {
	return func(obj object, err error) {
		if err != nil {
			respondError(w, err)
			return
		}
		status := http.StatusOK
		if c.verb == "create" {
			status = http.StatusCreated
		}
		writeJSON(w, status, c.shape(obj).Object)
	}
}

func respondError(w http.ResponseWriter, err error) {
	status := apierrors.NewInternalError(err).ErrStatus
	if known, ok := err.(apierrors.APIStatus); ok {
		status = known.Status()
	}
	status.TypeMeta = metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}
	writeJSON(w, int(status.Code), status)
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", runtime.ContentTypeJSON)
	w.WriteHeader(status)
	// An error means that the client has gone; there is nobody to tell.
	_ = json.NewEncoder(w).Encode(value)
}
