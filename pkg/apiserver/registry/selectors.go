package registry

import (
	"context"
	"fmt"
	"net/http"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
)

// requestWithToken is a request that carries nothing but a bearer token.
func requestWithToken(ctx context.Context, token string) *http.Request {
	r := (&http.Request{Header: http.Header{}}).WithContext(ctx)
	r.Header.Set("Authorization", "Bearer "+token)
	return r
}

// fieldRequirements are the requirements of a review's field selector that are equalities; others are left out, which
// makes the question broader and never the answer.
func fieldRequirements(s *authorizationv1.FieldSelectorAttributes) (fields.Requirements, error) {
	if s.RawSelector != "" {
		parsed, err := fields.ParseSelector(s.RawSelector)
		if err != nil {
			return nil, fmt.Errorf("parse field selector %q: %w", s.RawSelector, err)
		}
		return parsed.Requirements(), nil
	}
	var out fields.Requirements
	for _, r := range s.Requirements {
		if r.Operator == metav1.FieldSelectorOpIn && len(r.Values) == 1 {
			out = append(out, fields.Requirement{Field: r.Key, Operator: selection.Equals, Value: r.Values[0]})
		}
		if r.Operator == metav1.FieldSelectorOpNotIn && len(r.Values) == 1 {
			out = append(out, fields.Requirement{Field: r.Key, Operator: selection.NotEquals, Value: r.Values[0]})
		}
	}
	return out, nil
}

func labelRequirements(s *authorizationv1.LabelSelectorAttributes) (labels.Requirements, error) {
	if s.RawSelector != "" {
		parsed, err := labels.Parse(s.RawSelector)
		if err != nil {
			return nil, fmt.Errorf("parse label selector %q: %w", s.RawSelector, err)
		}
		requirements, _ := parsed.Requirements()
		return requirements, nil
	}
	selector, err := metav1.LabelSelectorAsSelector(&metav1.LabelSelector{MatchExpressions: s.Requirements})
	if err != nil {
		return nil, fmt.Errorf("read label selector: %w", err)
	}
	requirements, _ := selector.Requirements()
	return requirements, nil
}
