package controllermanager

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/proa-sh/proa/pkg/controllers"
)

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
		{[]string{"*"}, "token-cleaner-controller", false},
		{[]string{"*", "token-cleaner-controller"}, "token-cleaner-controller", true},
	}
	for _, test := range tests {
		entry := controllers.Entry{Name: test.name, OnRequest: test.name == "token-cleaner-controller"}
		if got := selected(test.selection, entry); got != test.want {
			t.Errorf("%v selects %s: %v, want %v", test.selection, test.name, got, test.want)
		}
	}
}

func TestResolve(t *testing.T) {
	for _, test := range []struct {
		name          string
		selection     string
		known, absent []string
		fails         bool
	}{
		{name: "as kubeadm writes it", selection: "* bootstrapsigner tokencleaner", known: []string{"*", "bootstrap-signer-controller", "token-cleaner-controller"}},
		{name: "names of today and of before", selection: "job-controller -cronjob", known: []string{"job-controller", "-cronjob-controller"}},
		{name: "what does not exist is off anyhow", selection: "* -persistentvolume-binder-controller", known: []string{"*"}},
		{name: "a name that nobody knows", selection: "* typo", known: []string{"*"}, fails: true},
		{name: "the same switched off", selection: "-typo", fails: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			known, absent, err := resolve(strings.Fields(test.selection))
			if diff := cmp.Diff(test.known, known); diff != "" {
				t.Errorf("known (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.absent, absent); diff != "" {
				t.Errorf("absent (-want +got):\n%s", diff)
			}
			if (err != nil) != test.fails {
				t.Errorf("error %v", err)
			}
		})
	}
}

// TestAliases: an alias stands for a controller that exists here or is known not to.
func TestAliases(t *testing.T) {
	for alias, name := range aliases() {
		if _, _, err := resolve([]string{name}); err != nil {
			t.Errorf("alias %q: %v", alias, err)
		}
	}
}
