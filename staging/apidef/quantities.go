package apidef

import (
	"reflect"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/registry/generic"
)

// A resource.Quantity writes its text into itself when it is first asked for it, and protobuf asks each one that has an
// address: a field, a pointer, an element of a slice. Whoever lists gets shallow copies of the watch cache's objects, so two
// lists at once would write to the same memory. Therefore every object is given its texts when it is decoded from storage,
// which is before anybody can share it. A Quantity drops the text when its value is changed, and copies keep it.

// withTexts returns the options with a codec whose decoded objects have the texts of their quantities. Types without
// quantities keep the codec that they had.
func withTexts[T any](options generic.RESTOptionsGetter) generic.RESTOptionsGetter {
	at := quantitiesOf(reflect.TypeFor[T]())
	if at == nil {
		return options
	}
	return textOptions{options, at}
}

type textOptions struct {
	generic.RESTOptionsGetter
	at *quantities
}

func (o textOptions) GetRESTOptions(resource schema.GroupResource, example runtime.Object) (generic.RESTOptions, error) {
	out, err := o.RESTOptionsGetter.GetRESTOptions(resource, example)
	if err != nil || out.StorageConfig == nil {
		return out, err
	}
	config := *out.StorageConfig
	config.Codec = textCodec{config.Codec, o.at}
	out.StorageConfig = &config
	return out, nil
}

// textCodec completes what it decodes.
type textCodec struct {
	runtime.Codec
	at *quantities
}

func (c textCodec) Decode(data []byte, defaults *schema.GroupVersionKind, into runtime.Object) (runtime.Object, *schema.GroupVersionKind, error) {
	obj, kind, err := c.Codec.Decode(data, defaults, into)
	if v := reflect.ValueOf(obj); v.Kind() == reflect.Pointer && v.Type().Elem() == c.at.of {
		c.at.fill(v.Elem())
	}
	return obj, kind, err
}

// quantities says where in the values of a type there are quantities that have an address when it has one.
type quantities struct {
	of     reflect.Type
	kind   reflect.Kind // of that
	fields []member
	elem   *quantities // of a pointer, slice, array or map
	here   bool        // it is one itself
	found  bool        // there are any in here
}

type member struct {
	index int
	*quantities
}

// quantitiesOf returns nil when values of a type have none.
func quantitiesOf(t reflect.Type) *quantities {
	s := search{known: map[place]*quantities{}}
	root := s.in(t, true)
	for changed := true; changed; { // types may refer to each other
		changed = false
		for _, q := range s.all {
			if !q.found && q.any() {
				q.found, changed = true, true
			}
		}
	}
	for _, q := range s.all {
		q.prune()
	}
	if !root.found {
		return nil
	}
	return root
}

// search is the walk through a type.
type search struct {
	known map[place]*quantities
	all   []*quantities
}

// place is a type where its values have an address of their own, or are copied out of a map.
type place struct {
	reflect.Type
	addressed bool
}

func (s *search) in(t reflect.Type, addressed bool) *quantities {
	if known := s.known[place{t, addressed}]; known != nil {
		return known
	}
	q := &quantities{of: t, kind: t.Kind()}
	s.known[place{t, addressed}] = q
	s.all = append(s.all, q)
	if t == reflect.TypeFor[resource.Quantity]() {
		q.here = addressed
		return q
	}
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice:
		q.elem = s.in(t.Elem(), true)
	case reflect.Array:
		q.elem = s.in(t.Elem(), addressed)
	case reflect.Map:
		q.elem = s.in(t.Elem(), false)
	case reflect.Struct:
		for i := range t.NumField() {
			if f := t.Field(i); f.IsExported() {
				q.fields = append(q.fields, member{i, s.in(f.Type, addressed)})
			}
		}
	}
	return q
}

func (q *quantities) any() bool {
	if q.here || q.elem != nil && q.elem.found {
		return true
	}
	for _, f := range q.fields {
		if f.found {
			return true
		}
	}
	return false
}

// prune drops the fields without quantities.
func (q *quantities) prune() {
	kept := q.fields[:0]
	for _, f := range q.fields {
		if f.found {
			kept = append(kept, f)
		}
	}
	q.fields = kept
}

// fill gives the quantities in a value their texts. There have to be some in its type.
func (q *quantities) fill(v reflect.Value) {
	if q.here {
		_ = v.Addr().Interface().(*resource.Quantity).String() // which keeps it
		return
	}
	switch q.kind {
	case reflect.Struct:
		for _, m := range q.fields {
			m.fill(v.Field(m.index))
		}
	case reflect.Pointer:
		if !v.IsNil() {
			q.elem.fill(v.Elem())
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			q.elem.fill(v.Index(i))
		}
	case reflect.Map:
		for all := v.MapRange(); all.Next(); {
			q.elem.fill(all.Value())
		}
	}
}
