package integration

import (
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

// settling makes an object that the server refuses into one that it takes: the fields that the refusal names are taken from
// a plain object, the parents of those that are named again.
type settling struct {
	candidate, plain *unstructured.Unstructured
	named            map[string]int
}

// maxRefusals bounds how often an object is offered. A filled pod has about 150 fields whose values nobody takes.
const maxRefusals = 60

// settle offers an object until it is taken. The last is the plain one itself; what the server says of that is returned.
func settle(candidate, plain *unstructured.Unstructured, offer func(*unstructured.Unstructured) (*unstructured.Unstructured, error)) (*unstructured.Unstructured, error) {
	s := settling{candidate.DeepCopy(), plain, map[string]int{}}
	for range maxRefusals {
		got, err := offer(s.candidate)
		if err == nil {
			return got, nil
		}
		if !apierrors.IsInvalid(err) && !apierrors.IsBadRequest(err) {
			return s.candidate, err
		}
		fields := namedFields(err)
		if len(fields) == 0 {
			break
		}
		for _, field := range fields {
			s.revert(field)
		}
	}
	got, err := offer(s.plain)
	if err != nil {
		return s.plain, err
	}
	return got, nil
}

// namedFields are the fields that a refusal names, the last elements of a list first, so that taking one out moves no other.
func namedFields(err error) []string {
	status, ok := errors.AsType[*apierrors.StatusError](err)
	if !ok || status.Status().Details == nil {
		return nil
	}
	var out []string
	for _, c := range status.Status().Details.Causes {
		if c.Type == metav1.CauseTypeFieldValueRequired {
			// What is missing is missing because its parent is there.
			if i := strings.LastIndexAny(c.Field, ".["); i > 0 {
				out = append(out, c.Field[:i])
				continue
			}
		}
		out = append(out, c.Field)
	}
	order := map[string][]string{}
	for _, field := range out {
		order[field] = naturally(field)
	}
	slices.SortFunc(out, func(a, b string) int { return slices.Compare(order[b], order[a]) })
	return slices.Compact(out)
}

// naturally splits a path so that [10] comes after [9].
func naturally(field string) []string {
	var out []string
	for _, e := range elements(field) {
		if n, err := strconv.Atoi(e); err == nil {
			e = string(rune(0x10000 + n%0x10000))
		}
		out = append(out, e)
	}
	return out
}

var element = regexp.MustCompile(`\[([^\]]*)\]|([^.\[]+)`)

// elements splits spec.ports[0].name and metadata.labels[a.b/c].
func elements(field string) []string {
	var out []string
	for _, m := range element.FindAllStringSubmatch(field, -1) {
		out = append(out, m[1]+m[2])
	}
	return out
}

func (s *settling) revert(field string) {
	path := elements(field)
	path = path[:max(len(path)-s.named[field], 0)]
	s.named[field]++
	if len(path) == 0 {
		s.candidate = s.plain.DeepCopy()
		return
	}
	value, found := lookup(s.plain.Object, path)
	changed := place(s.candidate.Object, path, runtime.DeepCopyJSONValue(value), found)
	if content, ok := changed.(map[string]any); ok {
		s.candidate.Object = content
	}
}

func lookup(in any, path []string) (any, bool) {
	for _, e := range path {
		switch v := in.(type) {
		case map[string]any:
			next, ok := v[e]
			if !ok {
				return nil, false
			}
			in = next
		case []any:
			i, err := strconv.Atoi(e)
			if err != nil || i < 0 || i >= len(v) {
				return nil, false
			}
			in = v[i]
		default:
			return nil, false
		}
	}
	return in, true
}

// place sets the value at a path, or takes what is there out, and returns the changed whole. A path that leads nowhere
// ends where it leads to.
func place(in any, path []string, value any, set bool) any {
	switch v := in.(type) {
	case map[string]any:
		next, there := v[path[0]]
		switch {
		case len(path) > 1 && there:
			v[path[0]] = place(next, path[1:], value, set)
		case len(path) == 1 && set:
			v[path[0]] = value
		default:
			delete(v, path[0])
		}
		return v
	case []any:
		i, err := strconv.Atoi(path[0])
		switch {
		case err != nil || i < 0 || i >= len(v):
		case len(path) > 1:
			v[i] = place(v[i], path[1:], value, set)
		case set:
			v[i] = value
		default:
			return slices.Delete(v, i, i+1)
		}
		return v
	}
	return in
}
