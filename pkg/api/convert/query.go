package convert

import (
	"fmt"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/conversion"
	"k8s.io/apimachinery/pkg/runtime"
)

// AddQueries lets the options of connections, which clients send in the query of a URL, be read from there.
func AddQueries(s *runtime.Scheme) error {
	for _, options := range []runtime.Object{
		&corev1.PodLogOptions{}, &corev1.PodExecOptions{}, &corev1.PodAttachOptions{}, &corev1.PodPortForwardOptions{},
		&corev1.PodProxyOptions{}, &corev1.NodeProxyOptions{}, &corev1.ServiceProxyOptions{},
	} {
		err := s.AddConversionFunc((*url.Values)(nil), options, func(in, out any, _ conversion.Scope) error {
			return fromQuery(*in.(*url.Values), reflect.ValueOf(out).Elem())
		})
		if err != nil {
			return fmt.Errorf("register query conversion of %T: %w", options, err)
		}
	}
	return nil
}

// fromQuery sets the fields of a struct from the parameters of the same JSON names. Unknown parameters are left alone.
func fromQuery(query url.Values, into reflect.Value) error {
	t := into.Type()
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		values, ok := query[name]
		if name == "" || !ok || len(values) == 0 {
			continue
		}
		if err := setParameter(into.Field(i), values); err != nil {
			return fmt.Errorf("query parameter %q: %w", name, err)
		}
	}
	return nil
}

// setParameter sets a field of the types that options have.
func setParameter(field reflect.Value, values []string) error {
	first := values[0]
	switch p := field.Addr().Interface().(type) {
	case *string:
		*p = first
	case **string:
		*p = &first
	case *[]string:
		*p = append([]string(nil), values...)
	case *bool:
		// A parameter without a value is a flag that is set.
		*p = first != "false" && first != "0"
	case **int64:
		if first == "" {
			return nil
		}
		n, err := strconv.ParseInt(first, 10, 64)
		if err != nil {
			return err
		}
		*p = &n
	case *[]int32:
		for _, v := range values {
			n, err := strconv.ParseInt(v, 10, 32)
			if err != nil {
				return err
			}
			*p = append(*p, int32(n))
		}
	case **metav1.Time:
		if first == "" {
			return nil
		}
		at, err := time.Parse(time.RFC3339, first)
		if err != nil {
			return err
		}
		*p = &metav1.Time{Time: at}
	default:
		return fmt.Errorf("a %s cannot be read from a query", field.Type())
	}
	return nil
}
