package runtime

import "strings"

// Expand replaces $(NAME) by the variable's value. $$ stands for one dollar sign; a reference to a variable that is not
// defined stays as it is (the rule of Container.Command's documentation).
func Expand(text string, lookup func(name string) (string, bool)) string {
	var out strings.Builder
	for {
		i := strings.IndexByte(text, '$')
		if i < 0 || i == len(text)-1 {
			out.WriteString(text)
			return out.String()
		}
		out.WriteString(text[:i])
		text = text[i:]
		switch text[1] {
		case '$':
			out.WriteByte('$')
			text = text[2:]
		case '(':
			end := strings.IndexByte(text, ')')
			if end < 0 {
				out.WriteString("$(")
				text = text[2:]
				continue
			}
			if value, ok := lookup(text[2:end]); ok {
				out.WriteString(value)
			} else {
				out.WriteString(text[:end+1])
			}
			text = text[end+1:]
		default:
			out.WriteString(text[:2])
			text = text[2:]
		}
	}
}

// undefined lists the references in text that lookup does not know.
func undefined(text string, lookup func(name string) (string, bool)) []string {
	var missing []string
	Expand(text, func(name string) (string, bool) {
		if _, ok := lookup(name); !ok {
			missing = append(missing, name)
		}
		return "", true
	})
	return missing
}
