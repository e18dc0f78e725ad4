package control_test

import (
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	discoveryfake "k8s.io/client-go/discovery/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/proa-sh/proa/pkg/controllers/control"
)

// A kind that is installed after the first question is found, and questions in vain do not discover each time.
func TestMapper(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &discoveryfake.FakeDiscovery{Fake: &clienttesting.Fake{}}
		list := func(gv, kind, plural string) *metav1.APIResourceList {
			return &metav1.APIResourceList{GroupVersion: gv, APIResources: []metav1.APIResource{{Name: plural, Kind: kind, Namespaced: true}}}
		}
		d.Resources = []*metav1.APIResourceList{list("v1", "Pod", "pods")}
		mapper := control.NewMapper(d, control.DiscoverAgain)
		things := schema.GroupVersionResource{Group: "x.io", Resource: "things"}
		missing := func() {
			t.Helper()
			if got, err := mapper.ResourceFor(things); !meta.IsNoMatchError(err) {
				t.Fatalf("found %v, %v", got, err)
			}
		}
		missing()
		asked := len(d.Actions())
		d.Resources = append(d.Resources, list("x.io/v1", "Thing", "things"))
		for range 100 {
			missing()
		}
		if got := len(d.Actions()); got != asked {
			t.Errorf("%d questions in vain made %d requests", 100, got-asked)
		}
		time.Sleep(control.DiscoverAgain)
		if got, err := mapper.ResourceFor(things); err != nil || got != things.GroupResource().WithVersion("v1") {
			t.Errorf("found %v, %v", got, err)
		}
		if got, err := mapper.RESTMapping(schema.GroupKind{Group: "x.io", Kind: "Thing"}); err != nil || got.Resource.Resource != "things" {
			t.Errorf("found %v, %v", got, err)
		}
	})
}
