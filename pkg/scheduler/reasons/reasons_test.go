package reasons

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestHistogram(t *testing.T) {
	got := Histogram(map[string]int{"Insufficient cpu": 2, "Too many pods": 1, "Insufficient memory": 2})
	if diff := cmp.Diff([]string{"1 Too many pods", "2 Insufficient cpu", "2 Insufficient memory"}, got); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}
