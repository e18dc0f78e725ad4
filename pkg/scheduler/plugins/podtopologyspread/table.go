package podtopologyspread

import "maps"

// table counts pods by the value of one topology label. Only domains with nodes count.
type table struct {
	// nodes is the number of nodes in each domain, pods the number of pods.
	nodes, pods map[string]int64
	// sizes is the number of domains with a number of pods; from it the lowest number is found without a look at all
	// domains.
	sizes map[int64]int64
}

func newTable() *table {
	return &table{nodes: map[string]int64{}, pods: map[string]int64{}, sizes: map[int64]int64{}}
}

// add counts n pods, and some nodes, in a domain.
func (t *table) add(domain string, nodes, pods int64) {
	if t.nodes[domain] > 0 {
		bump(t.sizes, t.pods[domain], -1)
	}
	bump(t.nodes, domain, nodes)
	bump(t.pods, domain, pods)
	if t.nodes[domain] > 0 {
		bump(t.sizes, t.pods[domain], 1)
	}
}

// bump adds to a number in a map of those that are not zero.
func bump[K comparable](m map[K]int64, key K, n int64) {
	if m[key] += n; m[key] == 0 {
		delete(m, key)
	}
}

// overlay is a table and some pods more or fewer in some domains.
type overlay struct {
	*table
	more map[string]int64
}

func (o *overlay) clone() overlay { return overlay{table: o.table, more: maps.Clone(o.more)} }

// add counts pods in a domain.
func (o *overlay) add(domain string, pods int64) {
	if o.more == nil {
		o.more = map[string]int64{}
	}
	bump(o.more, domain, pods)
}

// count is the number of pods in a domain.
func (o *overlay) count(domain string) int64 { return o.pods[domain] + o.more[domain] }

// lowest is the lowest number of pods in any domain. If there are fewer domains than wanted, it is 0: as if those that
// are wanting were there and empty.
func (o *overlay) lowest(minDomains int64) int64 {
	if int64(len(o.nodes)) < minDomains || len(o.nodes) == 0 {
		return 0
	}
	sizes := o.sizes
	if len(o.more) > 0 {
		sizes = maps.Clone(o.sizes)
		for domain, n := range o.more {
			if o.nodes[domain] > 0 {
				bump(sizes, o.pods[domain], -1)
				bump(sizes, o.pods[domain]+n, 1)
			}
		}
	}
	first, lowest := true, int64(0)
	for n := range sizes {
		if first || n < lowest {
			first, lowest = false, n
		}
	}
	return lowest
}
