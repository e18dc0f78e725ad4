package deployment

import (
	"cmp"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	apps "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/rand"
)

// Annotations by which Deployment and ReplicaSets keep what the API has no fields for. kubectl reads them.
const (
	revisionAnnotation = "deployment.kubernetes.io/revision"
	// historyAnnotation lists the revisions that a ReplicaSet had before it became the newest again.
	historyAnnotation = "deployment.kubernetes.io/revision-history"
	// desiredAnnotation is the Deployment's replicas when the ReplicaSet was last sized.
	desiredAnnotation = "deployment.kubernetes.io/desired-replicas"
	// maxAnnotation is desired plus surge at that time, from which proportions are reckoned.
	maxAnnotation = "deployment.kubernetes.io/max-replicas"
)

// ownAnnotations are not copied from Deployments to their ReplicaSets.
func ownAnnotations(name string) bool {
	switch name {
	case v1.LastAppliedConfigAnnotation, revisionAnnotation, historyAnnotation, desiredAnnotation, maxAnnotation, apps.DeprecatedRollbackTo:
		return true
	}
	return false
}

// sameTemplate says whether two templates are equal but for the label that the controller adds.
func sameTemplate(a, b *v1.PodTemplateSpec) bool {
	return equality.Semantic.DeepEqual(withoutHash(a), withoutHash(b))
}

func withoutHash(template *v1.PodTemplateSpec) *v1.PodTemplateSpec {
	plain := *template
	plain.Labels = maps.Clone(template.Labels)
	delete(plain.Labels, apps.DefaultDeploymentUniqueLabelKey)
	if len(plain.Labels) == 0 {
		plain.Labels = nil
	}
	return &plain
}

// templateHash names a template. collisions makes it another when the first was taken.
func templateHash(template *v1.PodTemplateSpec, collisions *int32) (string, error) {
	data, err := json.Marshal(template)
	if err != nil {
		return "", fmt.Errorf("encode pod template: %w", err)
	}
	hash := fnv.New32a()
	hash.Write(data)
	if collisions != nil {
		fmt.Fprint(hash, *collisions)
	}
	return rand.SafeEncodeString(strconv.FormatUint(uint64(hash.Sum32()), 10)), nil
}

// size is the wanted number of a set's pods.
func size(set *apps.ReplicaSet) int32 {
	if set.Spec.Replicas == nil {
		return 1
	}
	return *set.Spec.Replicas
}

// wanted is the wanted number of a Deployment's pods.
func wanted(d *apps.Deployment) int32 {
	if d.Spec.Replicas == nil {
		return 1
	}
	return *d.Spec.Replicas
}

// sum adds up what of tells of each set. Each may have the largest number that there is, so the sum needs more bits.
func sum(sets []*apps.ReplicaSet, of func(*apps.ReplicaSet) int32) int64 {
	total := int64(0)
	for _, set := range sets {
		total += int64(of(set))
	}
	return total
}

// number is a sum as the API can say it.
func number(sum int64) int32 { return int32(min(sum, math.MaxInt32)) }

// active are the sets that want pods.
func active(sets []*apps.ReplicaSet) []*apps.ReplicaSet {
	var found []*apps.ReplicaSet
	for _, set := range sets {
		if size(set) > 0 {
			found = append(found, set)
		}
	}
	return found
}

// oldestFirst orders sets by creation, then by name.
func oldestFirst(a, b *apps.ReplicaSet) int {
	return cmp.Or(a.CreationTimestamp.Time.Compare(b.CreationTimestamp.Time), strings.Compare(a.Name, b.Name))
}

// revision of a set; 0 when it has none.
func revision(obj metav1.Object) int64 {
	n, err := strconv.ParseInt(obj.GetAnnotations()[revisionAnnotation], 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// numberIn reads a number from an annotation.
func numberIn(set *apps.ReplicaSet, annotation string) (int32, bool) {
	n, err := strconv.ParseInt(set.Annotations[annotation], 10, 32)
	return int32(n), err == nil
}

// rolls says whether the Deployment replaces its pods little by little.
func rolls(d *apps.Deployment) bool {
	return d.Spec.Strategy.Type != apps.RecreateDeploymentStrategyType
}

// limits are how many pods a rolling update may add and take away. Percentages are of the wanted number; the surge is
// rounded up, the loss down. If both came to nothing the update could not move, so one pod may be missing then.
func limits(d *apps.Deployment) (surge, missing int32) {
	if !rolls(d) || wanted(d) == 0 {
		return 0, 0
	}
	rolling := d.Spec.Strategy.RollingUpdate
	if rolling == nil {
		rolling = &apps.RollingUpdateDeployment{}
	}
	surge, missing = scaled(rolling.MaxSurge, wanted(d), true), scaled(rolling.MaxUnavailable, wanted(d), false)
	if surge == 0 && missing == 0 {
		missing = 1
	}
	return min(surge, math.MaxInt32-wanted(d)), min(missing, wanted(d))
}

// scaled resolves a number or percentage; 25 % is the API's default for both limits. Malformed values count as 0.
func scaled(value *intstr.IntOrString, of int32, up bool) int32 {
	if value == nil {
		value = &intstr.IntOrString{Type: intstr.String, StrVal: "25%"}
	}
	n, err := intstr.GetScaledValueFromIntOrPercent(value, int(of), up)
	if err != nil {
		return 0
	}
	return int32(min(max(n, 0), math.MaxInt32))
}

// sizeAnnotations are set's annotations for a Deployment that wants replicas and may have surge more.
func sizeAnnotations(annotations map[string]string, replicas, surge int32) map[string]string {
	annotations = maps.Clone(annotations)
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[desiredAnnotation] = strconv.Itoa(int(replicas))
	annotations[maxAnnotation] = strconv.Itoa(int(replicas + surge))
	return annotations
}

// newestAnnotations are the annotations of the newest set: those of the Deployment, the set's own, and the revision.
func newestAnnotations(d *apps.Deployment, current map[string]string, number int64) map[string]string {
	annotations := maps.Clone(current)
	if annotations == nil {
		annotations = map[string]string{}
	}
	for name, value := range d.Annotations {
		if !ownAnnotations(name) {
			annotations[name] = value
		}
	}
	old := annotations[revisionAnnotation]
	if before, err := strconv.ParseInt(old, 10, 64); err == nil && before >= number {
		return annotations
	}
	annotations[revisionAnnotation] = strconv.FormatInt(number, 10)
	if old != "" {
		history := slices.DeleteFunc(strings.Split(annotations[historyAnnotation], ","), func(s string) bool { return s == "" })
		annotations[historyAnnotation] = strings.Join(append(history, old), ",")
	}
	return annotations
}
