package normalize

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/kube-scheduler/framework"
)

func TestToMax(t *testing.T) {
	tests := []struct {
		name    string
		scores  []int64
		reverse bool
		want    []int64
	}{
		{name: "scaled", scores: []int64{0, 5, 20}, want: []int64{0, 25, 100}},
		{name: "reversed", scores: []int64{0, 5, 20}, reverse: true, want: []int64{100, 75, 0}},
		{name: "all zero", scores: []int64{0, 0}, want: []int64{0, 0}},
		{name: "all zero reversed", scores: []int64{0, 0}, reverse: true, want: []int64{100, 100}},
		{name: "none", scores: []int64{}, want: []int64{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			list := make(framework.NodeScoreList, len(tt.scores))
			for i, s := range tt.scores {
				list[i].Score = s
			}
			ToMax(list, tt.reverse)
			got := []int64{}
			for _, s := range list {
				got = append(got, s.Score)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("scores (-want +got):\n%s", diff)
			}
		})
	}
}
