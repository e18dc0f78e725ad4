package histories

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// unremarkable are fields that change with every write or with time.
var unremarkable = map[string]bool{
	"metadata.resourceVersion": true, "metadata.managedFields": true, "metadata.generation": true, "metadata.uid": true,
	"metadata.creationTimestamp": true, "metadata.deletionGracePeriodSeconds": true, "lastProbeTime": true, "lastTransitionTime": true, "lastUpdateTime": true,
}

// difference tells in one line how an object has changed.
func difference(before, after map[string]any) string {
	switch {
	case before == nil && after == nil:
		return ": nothing there"
	case after == nil:
		return ": gone"
	case before == nil:
		return ""
	}
	was, is := map[string]string{}, map[string]string{}
	flatten("", before, was)
	flatten("", after, is)
	var changes []string
	for _, path := range slices.Sorted(maps.Keys(merged(was, is))) {
		old, had := was[path]
		now, has := is[path]
		switch {
		case had == has && old == now:
		case !has:
			changes = append(changes, fmt.Sprintf("%s: %s -> none", path, old))
		case !had:
			changes = append(changes, fmt.Sprintf("%s: %s", path, now))
		default:
			changes = append(changes, fmt.Sprintf("%s: %s -> %s", path, old, now))
		}
	}
	switch len(changes) {
	case 0:
		return ": unchanged"
	case 1:
		return ": " + changes[0]
	}
	return "\n  " + strings.Join(changes, "\n  ")
}

// leftOf tells which items of a list have gone and which still end.
func leftOf(before, after map[string]any) string {
	left := itemsOf(after)
	var words []string
	for _, name := range slices.Sorted(maps.Keys(itemsOf(before))) {
		switch item, there := left[name]; {
		case !there:
			words = append(words, name+" gone")
		case item["deletionTimestamp"] != nil:
			words = append(words, name+" ends")
		default:
			words = append(words, name+" stays")
		}
	}
	return ": " + strings.Join(words, ", ")
}

// itemsOf is the metadata of a list's items by their names.
func itemsOf(list map[string]any) map[string]map[string]any {
	out := map[string]map[string]any{}
	items, _ := list["items"].([]any)
	for _, item := range items {
		object, _ := item.(map[string]any)
		metadata, _ := object["metadata"].(map[string]any)
		name, _ := metadata["name"].(string)
		out[name] = metadata
	}
	return out
}

func merged(a, b map[string]string) map[string]string {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

// flatten writes the leaves of an object into out by their paths. Elements of lists that have a name or type go by it.
func flatten(path string, value any, out map[string]string) {
	last := path[strings.LastIndex(path, ".")+1:]
	if unremarkable[path] || unremarkable[last] || strings.HasPrefix(path, "status.active[") && (last == "uid" || last == "resourceVersion") {
		return // the Jobs of a CronJob go by their names, which say their time
	}
	switch value := value.(type) {
	case map[string]any:
		for key, inner := range value {
			flatten(strings.TrimPrefix(path+"."+key, "."), inner, out)
		}
	case []any:
		for i, inner := range value {
			flatten(fmt.Sprintf("%s[%s]", path, identity(inner, i)), inner, out)
		}
	default:
		out[path] = fmt.Sprint(value)
	}
}

// identity is what an element of a list goes by.
func identity(element any, index int) string {
	if fields, ok := element.(map[string]any); ok {
		for _, key := range []string{"type", "name", "uid"} {
			if text, ok := fields[key].(string); ok {
				return text
			}
		}
	}
	return fmt.Sprint(index)
}
