package histories

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	"github.com/proa-sh/proa/staging/apidef"
)

// Play carries out the commands of a history and returns it with what happened recorded below each. A block is a command,
// with arguments on further lines if it needs any, and "----"; lines that begin with # are for the reader.
func (w *World) Play(text string) string {
	var out strings.Builder
	for _, block := range strings.Split(strings.TrimRight(text, "\n"), "\n\n") {
		input, _, isCommand := strings.Cut(block+"\n", "----\n")
		if out.Len() > 0 {
			out.WriteString("\n")
		}
		out.WriteString(input)
		if !isCommand {
			continue
		}
		comment := 0
		for lines := strings.Split(input, "\n"); strings.HasPrefix(lines[comment], "#"); comment++ {
		}
		line, body, _ := strings.Cut(strings.Join(strings.Split(input, "\n")[comment:], "\n"), "\n")
		if err := w.command(strings.Fields(line), body); err != nil {
			w.note("error: %v", err)
		}
		w.Rest()
		out.WriteString("----\n")
		for _, happened := range w.taken() {
			out.WriteString(happened + "\n")
		}
	}
	return out.String()
}

// command carries out one command:
//
//	create                       the objects in the body (YAML, "---" between them)
//	patch RESOURCE/NAME [SUB]    with a merge patch in the body
//	delete RESOURCE/NAME [orphan|foreground]
//	kubelet on [CODE] | off      pods are bound, run and end by themselves; CODE is what ended containers exit with
//	run|ready|unready POD...     make pods run without or with being ready; "all" stands for each that has not ended
//	exit CODE POD...             make containers end
//	vanish POD...                take pods away whose containers have ended
//	advance DURATION
//	hold|release RESOURCE [N]    keep events of a resource from all caches; release N of them, or all
//	fail METHOD RESOURCE[/SUB] STATUS [SKIP [always]]   answer a coming request with an error, or each one
//	obey                         answer all requests again
//	kill before|after METHOD RESOURCE[/SUB] [SKIP]   end the program around a coming request
//	restart
//	show RESOURCE[/NAME] [FIELD]
//	proxy SERVICE NODE           where connections go from there
func (w *World) command(words []string, body string) error {
	switch words[0] {
	case "create":
		for _, one := range strings.Split(body, "---\n") {
			if err := w.create(one); err != nil {
				return err
			}
		}
		return nil
	case "patch":
		return w.patch(words[1], body, words[2:]...)
	case "delete":
		return w.delete(words[1], words[2:])
	case "kubelet":
		w.kubelet = kubelet{on: words[1] == "on", term: 143}
		if len(words) > 2 {
			w.kubelet.term = int32(number(words[2]))
		}
	case "run", "ready", "unready", "vanish":
		return w.pods(words[1:], map[string]func(*v1.Pod){
			"run":     func(pod *v1.Pod) { w.start(pod, false) },
			"ready":   func(pod *v1.Pod) { w.start(pod, true) },
			"unready": func(pod *v1.Pod) { w.run(pod, false) },
			"vanish":  w.vanish,
		}[words[0]])
	case "exit":
		return w.pods(words[2:], func(pod *v1.Pod) { w.exit(pod, int32(number(words[1]))) })
	case "advance":
		d, err := time.ParseDuration(words[1])
		if err != nil {
			return err
		}
		w.Advance(d)
	case "hold", "release":
		return w.holdOrRelease(words)
	case "fail":
		w.traps = append(w.traps, trap{method: words[1], resource: words[2], status: number(words[3]), skip: optional(words, 4), always: len(words) > 5})
	case "obey":
		w.traps = nil
	case "kill":
		w.traps = append(w.traps, trap{before: words[1] == "before", after: words[1] == "after", method: words[2], resource: words[3], skip: optional(words, 4)})
	case "restart":
		w.Restart()
	case "show":
		return w.show(words[1:])
	case "proxy":
		return w.proxy(words[1], words[2])
	default:
		return fmt.Errorf("unknown command %q", words[0])
	}
	return nil
}

func number(word string) int {
	n, err := strconv.Atoi(word)
	if err != nil {
		panic(fmt.Sprintf("%q is not a number", word)) // the author of a history sees it at once
	}
	return n
}

func optional(words []string, at int) int {
	if len(words) <= at {
		return 0
	}
	return number(words[at])
}

func (w *World) start(pod *v1.Pod, ready bool) {
	if pod.Spec.NodeName == "" {
		w.bind(pod, nodeFor(pod))
		bound, err := w.client.CoreV1().Pods(pod.Namespace).Get(w.t.Context(), pod.Name, metav1.GetOptions{})
		w.must(err, "read pod %q", pod.Name)
		pod = bound
	}
	w.run(pod, ready)
}

// pods does something with pods by their names, or with all that have not ended.
func (w *World) pods(names []string, do func(*v1.Pod)) error {
	all := w.Pods()
	if slices.Equal(names, []string{"all"}) {
		names = nil
		for _, pod := range all {
			if pod.Status.Phase != v1.PodSucceeded && pod.Status.Phase != v1.PodFailed {
				names = append(names, pod.Name)
			}
		}
	}
	for _, name := range names {
		at := slices.IndexFunc(all, func(pod v1.Pod) bool { return pod.Name == name })
		if at < 0 {
			return fmt.Errorf("there is no pod %q", name)
		}
		do(&all[at])
	}
	return nil
}

func (w *World) holdOrRelease(words []string) error {
	names, err := w.server.names(func(n apidef.Names) bool { return n.Plural == words[1] })
	if err != nil {
		return err
	}
	if words[0] == "hold" {
		w.server.db.hold(names.Resource())
		return nil
	}
	count := -1
	if len(words) > 2 {
		count = number(words[2])
	}
	if left := w.release(names.Resource(), count); left > 0 {
		w.note("%d events are held back", left)
	}
	return nil
}

// place is the path of a resource's collection.
func place(n apidef.Names, namespace string) string {
	prefix := "/api/" + n.Kind.Version
	if n.Kind.Group != "" {
		prefix = "/apis/" + n.Kind.Group + "/" + n.Kind.Version
	}
	if n.ClusterScoped {
		return path.Join(prefix, n.Plural)
	}
	return path.Join(prefix, "namespaces", namespace, n.Plural)
}

// namespace is where the objects of histories are, but for those that are created in another.
const namespace = "ns"

func (w *World) create(text string) error {
	data, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		return err
	}
	var obj map[string]any
	if err := json.Unmarshal(data, &obj); err != nil {
		return err
	}
	names, err := w.server.names(func(n apidef.Names) bool { return n.Kind.Kind == obj["kind"] })
	if err != nil {
		return err
	}
	obj["apiVersion"] = names.Kind.GroupVersion().String()
	if data, err = json.Marshal(obj); err != nil {
		return err
	}
	where := namespace
	if metadata, ok := obj["metadata"].(map[string]any); ok && metadata["namespace"] != nil {
		where = fmt.Sprint(metadata["namespace"])
	}
	return w.send(w.client.CoreV1().RESTClient().Post().AbsPath(place(names, where)).Body(data))
}

func (w *World) send(request *rest.Request) error {
	_, err := request.SetHeader("Content-Type", "application/json").DoRaw(w.t.Context())
	return err
}

// at is the path of an object by its RESOURCE/NAME.
func (w *World) at(target string) (string, error) {
	resource, name, _ := strings.Cut(target, "/")
	names, err := w.server.names(func(n apidef.Names) bool { return n.Plural == resource })
	if err != nil {
		return "", fmt.Errorf("%s: %w", target, err)
	}
	return path.Join(place(names, namespace), name), nil
}

func (w *World) patch(target, body string, subresources ...string) error {
	where, err := w.at(target)
	if err != nil {
		return err
	}
	data, err := yaml.YAMLToJSON([]byte(body))
	if err != nil {
		return err
	}
	_, err = w.client.CoreV1().RESTClient().Patch(types.MergePatchType).AbsPath(append([]string{where}, subresources...)...).Body(bytes.TrimSpace(data)).DoRaw(w.t.Context())
	return err
}

func (w *World) delete(target string, how []string) error {
	where, err := w.at(target)
	if err != nil {
		return err
	}
	policy := metav1.DeletePropagationBackground
	switch {
	case slices.Contains(how, "orphan"):
		policy = metav1.DeletePropagationOrphan
	case slices.Contains(how, "foreground"):
		policy = metav1.DeletePropagationForeground
	}
	data, err := json.Marshal(metav1.DeleteOptions{TypeMeta: metav1.TypeMeta{Kind: "DeleteOptions", APIVersion: "v1"}, PropagationPolicy: &policy})
	if err != nil {
		return err
	}
	_, err = w.client.CoreV1().RESTClient().Delete().AbsPath(where).Body(data).DoRaw(w.t.Context())
	return err
}

// show notes objects: of pods a line each, of others the whole, or one field of it.
func (w *World) show(words []string) error {
	if words[0] == "pods" {
		for _, pod := range w.Pods() {
			w.note("%s", podLine(&pod))
		}
		return nil
	}
	where, err := w.at(words[0])
	if err != nil {
		return err
	}
	var value any = w.get(where)
	if len(words) > 1 {
		for _, key := range strings.Split(words[1], ".") {
			fields, ok := value.(map[string]any)
			if !ok {
				return fmt.Errorf("%s has no %s", words[0], words[1])
			}
			value = fields[key]
		}
	}
	text, err := yaml.Marshal(value)
	if err != nil {
		return err
	}
	w.note("%s", strings.TrimRight(string(text), "\n"))
	return nil
}

// podLine is a pod in a few words.
func podLine(pod *v1.Pod) string {
	words := []string{pod.Name, string(pod.Status.Phase)}
	for _, c := range pod.Status.Conditions {
		if c.Type == v1.PodReady && c.Status == v1.ConditionTrue {
			words = append(words, "ready")
		}
	}
	if pod.DeletionTimestamp != nil {
		words = append(words, "ending")
	}
	if len(pod.Finalizers) > 0 {
		words = append(words, strings.Join(pod.Finalizers, ","))
	}
	if owner := metav1.GetControllerOf(pod); owner != nil {
		words = append(words, "of "+owner.Kind+"/"+owner.Name)
	}
	return strings.Join(words, " ")
}
