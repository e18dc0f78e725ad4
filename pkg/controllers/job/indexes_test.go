package job

import "testing"

func TestIndexes(t *testing.T) {
	tests := []struct {
		text string
		add  []int
		want string
		n    int
	}{
		{"", nil, "", 0},
		{"", []int{3, 1, 2}, "1-3", 3},
		{"0,1", []int{2}, "0-2", 3},
		{"0,2,4", []int{3}, "0,2-4", 4},
		{"1-3,5", []int{7, 6}, "1-3,5-7", 6},
		{"1,2", nil, "1,2", 2},
		{"5-99", nil, "5-9", 5},
		{"x,3-y,4", nil, "4", 1},
	}
	for _, test := range tests {
		set := parseIndexes(test.text, 10).with(test.add...)
		if got := set.String(); got != test.want || set.count() != test.n {
			t.Errorf("%q with %v: %q of %d, want %q of %d", test.text, test.add, got, set.count(), test.want, test.n)
		}
		for i := range 12 {
			in := false
			for _, one := range set {
				in = in || (i >= one.first && i <= one.last)
			}
			if set.has(i) != in {
				t.Errorf("%q has %d: %v", set, i, set.has(i))
			}
		}
	}
}
