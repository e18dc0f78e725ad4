package queue

// podHeap is a binary heap of pods that knows each pod's position, so that any pod can be taken out.
type podHeap struct {
	less func(a, b *Pod) bool
	pods []*Pod
}

func (h *podHeap) len() int { return len(h.pods) }

// head is the least pod, or nil.
func (h *podHeap) head() *Pod {
	if len(h.pods) == 0 {
		return nil
	}
	return h.pods[0]
}

func (h *podHeap) push(p *Pod) {
	p.index = len(h.pods)
	h.pods = append(h.pods, p)
	h.up(p.index)
}

func (h *podHeap) remove(p *Pod) {
	i, last := p.index, len(h.pods)-1
	h.swap(i, last)
	h.pods[last] = nil
	h.pods = h.pods[:last]
	if i < last {
		h.fix(i)
	}
}

func (h *podHeap) fix(i int) {
	if !h.down(i) {
		h.up(i)
	}
}

func (h *podHeap) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if !h.less(h.pods[i], h.pods[parent]) {
			return
		}
		h.swap(i, parent)
		i = parent
	}
}

// down tells whether the pod moved.
func (h *podHeap) down(i int) bool {
	start := i
	for {
		least := 2*i + 1
		if least >= len(h.pods) {
			break
		}
		if right := least + 1; right < len(h.pods) && h.less(h.pods[right], h.pods[least]) {
			least = right
		}
		if !h.less(h.pods[least], h.pods[i]) {
			break
		}
		h.swap(i, least)
		i = least
	}
	return i > start
}

func (h *podHeap) swap(i, j int) {
	h.pods[i], h.pods[j] = h.pods[j], h.pods[i]
	h.pods[i].index, h.pods[j].index = i, j
}
