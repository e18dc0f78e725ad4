package meta

import (
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// IntOrPercent reports a value that is neither a number from 0 nor a percentage.
func IntOrPercent(v intstr.IntOrString, p *field.Path) field.ErrorList {
	switch v.Type {
	case intstr.String:
		return Invalid(v, p, validation.IsValidPercent(v.StrVal))
	case intstr.Int:
		return NonNegative(v.IntVal, p)
	}
	return field.ErrorList{field.Invalid(p, v, "must be an integer or percentage (e.g '5%%')")}
}

// AtMost100Percent reports a percentage above 100.
func AtMost100Percent(v intstr.IntOrString, p *field.Path) field.ErrorList {
	if n, ok := percent(v); ok && n > 100 {
		return field.ErrorList{field.Invalid(p, v, "must not be greater than 100%")}
	}
	return nil
}

// percent returns the number before the percent sign.
func percent(v intstr.IntOrString) (int, bool) {
	digits, ok := strings.CutSuffix(v.StrVal, "%")
	if v.Type != intstr.String || !ok {
		return 0, false
	}
	n, err := strconv.Atoi(digits)
	return n, err == nil
}

// IsZero tells 0, 0% and nothing.
func IsZero(v *intstr.IntOrString) bool {
	if v == nil {
		return true
	}
	if n, ok := percent(*v); ok {
		return n == 0
	}
	return v.Type == intstr.Int && v.IntVal == 0
}
