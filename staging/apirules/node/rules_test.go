package node

import (
	"testing"

	v1 "k8s.io/api/core/v1"
	nodev1 "k8s.io/api/node/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/proa-sh/proa/staging/apirules/internal/rulestest"
)

func TestRuntimeClasses(t *testing.T) {
	valid := func() *nodev1.RuntimeClass {
		return &nodev1.RuntimeClass{ObjectMeta: metav1.ObjectMeta{Name: "c", ResourceVersion: "1"}, Handler: "h"}
	}
	type c = rulestest.Case[nodev1.RuntimeClass]
	all := v1.Toleration{Operator: v1.TolerationOpExists}
	rulestest.Cases(t, valid, ValidateRuntimeClass, []c{
		{Name: "handler", Change: func(c *nodev1.RuntimeClass) { c.Handler = "a.b" }, Want: []string{rulestest.Invalid("handler")}},
		{Name: "overhead", Change: func(c *nodev1.RuntimeClass) {
			c.Overhead = &nodev1.Overhead{PodFixed: v1.ResourceList{"x": resource.MustParse("1")}}
		}, Want: []string{rulestest.Invalid("overhead.limits[x]")}},
		{Name: "scheduling", Change: func(c *nodev1.RuntimeClass) {
			c.Scheduling = &nodev1.Scheduling{NodeSelector: map[string]string{"/": ""}, Tolerations: []v1.Toleration{all, all}}
		}, Want: []string{rulestest.Invalid("scheduling.nodeSelector"), rulestest.Duplicate("scheduling.tolerations[1]")}},
	})
	rulestest.UpdateCases(t, valid, ValidateRuntimeClassUpdate, []c{
		{Name: "handler", Change: func(c *nodev1.RuntimeClass) { c.Handler = "x" }, Want: []string{rulestest.Invalid("handler")}},
	})
}
