package control

import (
	"context"
	"encoding/json"
	"fmt"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
)

// SetPodCondition writes one condition of a pod, and its phase when phase is not empty. The rest of the status, which
// belongs to the kubelet, stays.
func SetPodCondition(ctx context.Context, client kubernetes.Interface, pod *v1.Pod, condition v1.PodCondition, phase v1.PodPhase) (*v1.Pod, error) {
	status := map[string]any{"conditions": []v1.PodCondition{condition}}
	if phase != "" {
		status["phase"] = phase
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"uid": pod.UID}, "status": status})
	if err != nil {
		return nil, fmt.Errorf("encode pod status patch: %w", err)
	}
	return Patch(ctx, client.CoreV1().Pods(pod.Namespace), pod, types.StrategicMergePatchType, patch, "status")
}
