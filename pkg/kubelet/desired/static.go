package desired

import (
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/proa-sh/proa/pkg/pods"
)

// static is what is known of static pods. Its owner locks it.
type static struct {
	// wanted are the pods of the files, mirrors what the API shows of static pods, by name.
	wanted, mirrors map[types.NamespacedName]*v1.Pod
	// current is the pod of each name that the node runs or ends; live has the same by UID. A pod whose file has changed is
	// another one, with another UID, and starts when the one before it has ended: both may want the same port.
	current map[types.NamespacedName]types.UID
	live    map[types.UID]types.NamespacedName
	// ending are those that were told to end.
	ending map[types.UID]bool
	// dirty are the names with news.
	dirty map[types.NamespacedName]bool
	// known is closed when the files have been read once: before, nothing says that a static pod is not wanted.
	known chan struct{}
	read  bool
}

func newStatic() static {
	return static{
		wanted: map[types.NamespacedName]*v1.Pod{}, mirrors: map[types.NamespacedName]*v1.Pod{},
		current: map[types.NamespacedName]types.UID{}, live: map[types.UID]types.NamespacedName{},
		ending: map[types.UID]bool{}, dirty: map[types.NamespacedName]bool{}, known: make(chan struct{}),
	}
}

func nameOf(pod *v1.Pod) types.NamespacedName {
	return types.NamespacedName{Namespace: pod.Namespace, Name: pod.Name}
}

// set takes in the whole list of files.
func (s *static) set(list []*v1.Pod) {
	before := s.wanted
	s.wanted = map[types.NamespacedName]*v1.Pod{}
	for _, pod := range list {
		s.wanted[nameOf(pod)] = pod
		s.dirty[nameOf(pod)] = true
	}
	for name := range before {
		s.dirty[name] = true
	}
	if !s.read {
		s.read = true
		close(s.known)
	}
}

// setMirror takes in what the API shows. Of two mirrors of the same name the newer one comes first.
func (s *static) setMirror(mirror *v1.Pod, gone bool) {
	name := nameOf(mirror)
	s.dirty[name] = true
	if !gone {
		s.mirrors[name] = mirror
	} else if known := s.mirrors[name]; known != nil && known.UID == mirror.UID {
		delete(s.mirrors, name)
	}
}

func (s *static) ended(uid types.UID) {
	name, known := s.live[uid]
	if !known {
		return
	}
	delete(s.live, uid)
	delete(s.ending, uid)
	if s.current[name] == uid {
		delete(s.current, name)
	}
	s.dirty[name] = true
}

// StaticPod is what is known of the static pods of one name.
type StaticPod struct {
	// Wanted is the pod of the file, nil without one.
	Wanted *v1.Pod
	// Mirror is what the API shows, nil when it shows nothing.
	Mirror *v1.Pod
	// Ending says that an earlier pod of that name has not ended yet.
	Ending bool
}

func (s *static) look(name types.NamespacedName) StaticPod {
	return StaticPod{Wanted: s.wanted[name], Mirror: s.mirrors[name], Ending: s.ending[s.current[name]]}
}

// news is what has to be told of static pods.
type news struct {
	gone    []types.UID
	changed []*v1.Pod
	mirrors []types.NamespacedName
}

// take decides what is due for the names with news.
func (s *static) take() news {
	var n news
	if !s.read {
		return n
	}
	names := make([]types.NamespacedName, 0, len(s.dirty))
	for name := range s.dirty {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b types.NamespacedName) int { return strings.Compare(a.String(), b.String()) })
	clear(s.dirty)
	for _, name := range names {
		n.mirrors = append(n.mirrors, name)
		wanted, current := s.wanted[name], s.current[name]
		if current != "" && (wanted == nil || wanted.UID != current) {
			if !s.ending[current] {
				s.ending[current] = true
				n.gone = append(n.gone, current)
			}
			continue
		}
		if wanted == nil || s.ending[current] {
			continue
		}
		s.current[name], s.live[wanted.UID] = wanted.UID, name
		n.changed = append(n.changed, merge(wanted, s.mirrors[name]))
	}
	return n
}

// merge is the static pod with the status that the API shows of it. A mirror of another content shows another pod.
func merge(pod, mirror *v1.Pod) *v1.Pod {
	if !Mirrors(mirror, pod) {
		return pod
	}
	merged := *pod
	merged.Status, merged.ResourceVersion = mirror.Status, mirror.ResourceVersion
	return &merged
}

// Mirrors says whether the mirror, which may be nil, shows just this static pod.
func Mirrors(mirror, pod *v1.Pod) bool {
	return mirror != nil && mirror.DeletionTimestamp == nil && mirror.Annotations[v1.MirrorPodAnnotationKey] == pod.Annotations[pods.HashAnnotation]
}
