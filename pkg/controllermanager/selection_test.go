package controllermanager

import "testing"

func TestSelection(t *testing.T) {
	tests := []struct {
		selection []string
		name      string
		want      bool
	}{
		{[]string{"*"}, "job-controller", true},
		{[]string{"*", "-job-controller"}, "job-controller", false},
		{[]string{"job-controller"}, "job-controller", true},
		{[]string{"job-controller"}, "deployment-controller", false},
		{nil, "job-controller", false},
	}
	for _, test := range tests {
		if got := selected(test.selection, test.name); got != test.want {
			t.Errorf("%v selects %s: %v, want %v", test.selection, test.name, got, test.want)
		}
	}
	if err := check([]string{"*", "-job-controller", "-persistentvolume-binder-controller"}); err != nil {
		t.Error(err)
	}
	if check([]string{"persistentvolume-binder-controller"}) == nil || check([]string{"-typo"}) == nil {
		t.Error("names of no controller were accepted")
	}
}
