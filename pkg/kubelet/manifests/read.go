package manifests

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/proa-sh/proa/pkg/pods"
	rules "github.com/proa-sh/proa/staging/apirules/core"
)

// maxFile bounds a manifest, as the API server bounds objects.
const maxFile = 3 << 20

// Read reads the pods of a directory, without those below it and without files whose names begin with a dot, or of one
// file. The errors are of single files; the pods of the others are returned all the same.
func Read(path, nodeName string) ([]*v1.Pod, []error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // it may come
	}
	if err != nil {
		return nil, []error{fmt.Errorf("read static pods: %w", err)}
	}
	files := []string{path}
	if info.IsDir() {
		entries, err := os.ReadDir(path)
		if err != nil {
			return nil, []error{fmt.Errorf("read static pods: %w", err)}
		}
		files = nil
		for _, entry := range entries {
			if !strings.HasPrefix(entry.Name(), ".") {
				files = append(files, filepath.Join(path, entry.Name()))
			}
		}
	}
	return readFiles(files, nodeName)
}

func readFiles(files []string, nodeName string) (list []*v1.Pod, errs []error) {
	taken := map[types.NamespacedName]string{}
	for _, file := range files {
		pod, err := readFile(file, nodeName)
		if err != nil {
			errs = append(errs, fmt.Errorf("read static pod %s: %w", file, err))
			continue
		}
		if pod == nil {
			continue
		}
		name := types.NamespacedName{Namespace: pod.Namespace, Name: pod.Name}
		if other, double := taken[name]; double {
			errs = append(errs, fmt.Errorf("read static pod %s: %s has a pod of the same name %s", file, other, name))
			continue
		}
		taken[name] = file
		list = append(list, pod)
	}
	return list, errs
}

// readFile gives nil for what is no regular file, or is gone by now.
func readFile(file, nodeName string) (*v1.Pod, error) {
	info, err := os.Stat(file)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !info.Mode().IsRegular() {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("it has %d bytes, more than %d", info.Size(), maxFile)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	object, kind, err := scheme.Codecs.UniversalDeserializer().Decode(text, nil, nil)
	if err != nil {
		return nil, err
	}
	pod, ok := object.(*v1.Pod)
	if !ok {
		return nil, fmt.Errorf("it holds a %s, not a Pod of v1", kind.Kind)
	}
	return complete(pod, file, nodeName)
}

// complete makes a static pod of what the file says.
func complete(pod *v1.Pod, file, nodeName string) (*v1.Pod, error) {
	content, err := json.Marshal(pod)
	if err != nil {
		return nil, err
	}
	if pod.UID == "" {
		sum := sha256.Sum256(fmt.Appendf(content, "host:%sfile:%s", nodeName, file))
		pod.UID = types.UID(hex.EncodeToString(sum[:16]))
	}
	sum := sha256.Sum256(content)
	annotations := map[string]string{pods.SourceAnnotation: pods.SourceFile, pods.HashAnnotation: hex.EncodeToString(sum[:16])}
	maps.Copy(annotations, pod.Annotations)
	// What says whose pod it is is not the file's to say.
	annotations[pods.SourceAnnotation], annotations[pods.HashAnnotation] = pods.SourceFile, hex.EncodeToString(sum[:16])
	delete(annotations, v1.MirrorPodAnnotationKey)
	pod.Annotations = annotations
	pod.Name += "-" + nodeName
	if pod.Namespace == "" {
		pod.Namespace = metav1.NamespaceDefault
	}
	pod.Spec.NodeName = nodeName
	// A static pod stays whatever is wrong with the node.
	everything := v1.Toleration{Operator: v1.TolerationOpExists, Effect: v1.TaintEffectNoExecute}
	pod.Spec.Tolerations = append(pod.Spec.Tolerations, everything)
	pod.Status = v1.PodStatus{}
	pod.ResourceVersion, pod.DeletionTimestamp = "", nil
	rules.NormalizePod(pod)
	rules.SetPodDefaults(pod)
	if faults := rules.ValidatePod(pod); len(faults) > 0 {
		return nil, faults.ToAggregate()
	}
	if err := checkReferences(pod); err != nil {
		return nil, err
	}
	return pod, nil
}
