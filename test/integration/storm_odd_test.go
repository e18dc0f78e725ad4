package integration

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
)

// odd changes objects by the schema that the server publishes: every field that there is, also those that an object lacks.
type odd struct {
	*rand.Rand
	schemas map[string]any // components of the OpenAPI document of the object's group
}

var (
	oddNumbers = []int64{0, 1, 2, -1, 80, 30080, 65535, math.MaxInt32, math.MaxInt32 - 1, math.MinInt32, math.MaxInt64, math.MinInt64, math.MaxInt64 / int64(1e9)}
	oddStrings = []string{"", "a", "A", "0", "-1", "a.b", "storm", "example.org/storm", "192.0.2.7", "::1", "::ffff:192.0.2.7", "10.96.0.10", "0.0.0.0/0", "::/0",
		"1h", "99999h", "100%", "kubernetes.io/hostname", "/", "..", "\u00e9\u4e16\U0001f300", strings.Repeat("a", 63), strings.Repeat("a", 253), strings.Repeat("b", 4096)}
	oddQuantities = []string{"0", "1n", "-1", "1e30", "9223372036854775807", "1E", "0.1", "100m", "8Ei"}
	oddTimes      = []string{"0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2262-04-12T00:00:00Z", "1677-01-01T00:00:00Z"}
	oddPercents   = []any{int64(0), int64(1), int64(math.MaxInt32), "0%", "100%", "1000000%", "2147483647%"}
)

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

// resolve follows references, and says what an object's schema was called.
func (o odd) resolve(schema map[string]any) (map[string]any, string) {
	name := ""
	for {
		if all, ok := schema["allOf"].([]any); ok && len(all) == 1 {
			schema, _ = all[0].(map[string]any)
			continue
		}
		ref, ok := schema["$ref"].(string)
		if !ok {
			return schema, name
		}
		name = ref[strings.LastIndexByte(ref, '/')+1:]
		schema, _ = o.schemas[name].(map[string]any)
	}
}

// change returns an odd value for one that has a schema.
func (o odd) change(schema map[string]any, value any, depth int) any {
	schema, name := o.resolve(schema)
	switch {
	case strings.HasSuffix(name, "resource.Quantity"):
		return pick(o.Rand, oddQuantities)
	case strings.HasSuffix(name, "IntOrString"):
		return pick(o.Rand, oddPercents)
	case schema["format"] == "date-time":
		return pick(o.Rand, oddTimes)
	case schema["enum"] != nil:
		values, _ := schema["enum"].([]any)
		return pick(o.Rand, values)
	}
	switch schema["type"] {
	case "integer", "number":
		n := pick(o.Rand, oddNumbers)
		if schema["format"] == "int32" && int64(int32(n)) != n {
			n = math.MaxInt32
		}
		return n
	case "boolean":
		v, _ := value.(bool)
		return !v
	case "string":
		return pick(o.Rand, oddStrings)
	case "array":
		return o.changeList(schema, value, depth)
	case "object":
		return o.changeMap(schema, value, depth)
	}
	return value
}

func (o odd) changeList(schema map[string]any, value any, depth int) any {
	list, _ := value.([]any)
	list = slices.Clone(list)
	items, _ := schema["items"].(map[string]any)
	switch n := o.IntN(8); {
	case n == 0:
		return []any{}
	case n == 1 && len(list) > 0:
		return append(list, list[o.IntN(len(list))])
	case n < 6 && len(list) > 0:
		i := o.IntN(len(list))
		list[i] = o.change(items, list[i], depth+1)
		return list
	}
	return append(list, o.change(items, nil, depth+1))
}

func (o odd) changeMap(schema map[string]any, value any, depth int) any {
	old, _ := value.(map[string]any)
	changed := map[string]any{}
	for k, v := range old {
		changed[k] = v
	}
	if more, ok := schema["additionalProperties"].(map[string]any); ok {
		if o.IntN(4) == 0 {
			return map[string]any{}
		}
		changed[pick(o.Rand, oddStrings)] = o.change(more, nil, depth+1)
		return changed
	}
	properties, _ := schema["properties"].(map[string]any)
	if len(properties) == 0 || depth > 12 || o.IntN(20) == 0 {
		return changed
	}
	names := make([]string, 0, len(properties))
	for n := range properties {
		names = append(names, n)
	}
	slices.Sort(names) // the same seed makes the same objects
	required, _ := schema["required"].([]any)
	for _, r := range required { // an object that was not there gets what it must have
		n, _ := r.(string)
		if p, ok := properties[n].(map[string]any); ok && changed[n] == nil {
			changed[n] = o.change(p, nil, depth+1)
		}
	}
	n := pick(o.Rand, names)
	if p, ok := properties[n].(map[string]any); ok {
		changed[n] = o.change(p, changed[n], depth+1)
	}
	return changed
}
