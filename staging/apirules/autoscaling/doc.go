// Package autoscaling owns the rules of autoscaling/v2, and of autoscaling/v1's autoscalers and scales.
//
// In: v1 and v2 objects. Out: defaults filled in, field.ErrorList and warnings. Conversion between both versions is not here.
//
// rules_test.go shows each rule by one mutation of a valid object.
package autoscaling
