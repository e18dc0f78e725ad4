package normalize

import "k8s.io/kube-scheduler/framework"

// ToMax scales scores so that the highest becomes 100. With reverse, low scores are good ones: the lowest possible, 0,
// becomes 100, and the highest becomes 0. Scores must not be negative. When all are 0, all become 0, or 100 with
// reverse.
func ToMax(scores framework.NodeScoreList, reverse bool) {
	var highest int64
	for i := range scores {
		highest = max(highest, scores[i].Score)
	}
	for i := range scores {
		score := int64(0)
		if highest > 0 {
			score = framework.MaxScore * scores[i].Score / highest
		}
		if reverse {
			score = framework.MaxScore - score
		}
		scores[i].Score = score
	}
}
