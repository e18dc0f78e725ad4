package server

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// logOptions reads and checks the query of a request for logs.
func logOptions(r *http.Request) (*v1.PodLogOptions, error) {
	q := queryReader{values: r.URL.Query()}
	if q.values.Get("tailLines") == "all" {
		q.values.Del("tailLines")
	}
	options := &v1.PodLogOptions{
		Follow:       q.flag("follow"),
		Previous:     q.flag("previous"),
		Timestamps:   q.flag("timestamps"),
		TailLines:    q.number("tailLines"),
		LimitBytes:   q.number("limitBytes"),
		SinceSeconds: q.number("sinceSeconds"),
		SinceTime:    q.time("sinceTime"),
		Stream:       q.text("stream"),
	}
	return options, errors.Join(append(q.errs, checkLogOptions(options)...)...)
}

// checkLogOptions says what is wrong with the options, as the validation of the API does.
func checkLogOptions(options *v1.PodLogOptions) []error {
	var errs []error
	check := func(ok bool, message string) {
		if !ok {
			errs = append(errs, errors.New(message))
		}
	}
	check(options.TailLines == nil || *options.TailLines >= 0, "tailLines: must be greater than or equal to 0")
	check(options.LimitBytes == nil || *options.LimitBytes >= 1, "limitBytes: must be greater than 0")
	check(options.SinceSeconds == nil || *options.SinceSeconds >= 1, "sinceSeconds: must be greater than 0")
	check(options.SinceSeconds == nil || options.SinceTime == nil, "at most one of sinceTime or sinceSeconds may be specified")
	if options.Stream == nil {
		return errs
	}
	switch *options.Stream {
	case v1.LogStreamAll:
	case v1.LogStreamStdout, v1.LogStreamStderr:
		check(options.TailLines == nil, "tailLines and specific stream are mutually exclusive for now")
	default:
		check(false, fmt.Sprintf("stream: unsupported value %q", *options.Stream))
	}
	return errs
}

// queryReader reads typed values from a query and collects what cannot be read.
type queryReader struct {
	values url.Values
	errs   []error
}

// flag is true when the name is there with anything but "false" or "0".
func (q *queryReader) flag(name string) bool {
	if !q.values.Has(name) {
		return false
	}
	value := q.values.Get(name)
	return value != "0" && !strings.EqualFold(value, "false")
}

func (q *queryReader) text(name string) *string {
	if value := q.values.Get(name); value != "" {
		return &value
	}
	return nil
}

func (q *queryReader) number(name string) *int64 {
	text := q.text(name)
	if text == nil {
		return nil
	}
	value, err := strconv.ParseInt(*text, 10, 64)
	if err != nil {
		q.errs = append(q.errs, fmt.Errorf("%s: %q is not a number", name, *text))
		return nil
	}
	return &value
}

func (q *queryReader) time(name string) *metav1.Time {
	text := q.text(name)
	if text == nil {
		return nil
	}
	value, err := time.Parse(time.RFC3339, *text)
	if err != nil {
		q.errs = append(q.errs, fmt.Errorf("%s: %q is not a time of RFC 3339", name, *text))
		return nil
	}
	return &metav1.Time{Time: value}
}
