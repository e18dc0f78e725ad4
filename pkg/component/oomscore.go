package component

import (
	"context"
	"os"
	"strconv"

	"k8s.io/klog/v2"
)

// SetOOMScore makes the kernel spare the process, or kill it first, when memory runs out: from -1000 to 1000. Where that is
// not allowed the component works as well. Nil changes nothing.
func SetOOMScore(ctx context.Context, score *int32) {
	if score == nil {
		return
	}
	if err := os.WriteFile("/proc/self/oom_score_adj", []byte(strconv.Itoa(int(*score))), 0); err != nil {
		klog.FromContext(ctx).V(2).Info("Could not set the OOM score of the process", "score", *score, "reason", err)
	}
}
