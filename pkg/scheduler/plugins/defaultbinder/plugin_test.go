package defaultbinder

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	k8stesting "k8s.io/client-go/testing"
	"k8s.io/kube-scheduler/framework"

	"github.com/proa-sh/proa/pkg/scheduler/plugintest"
)

func TestBind(t *testing.T) {
	e := plugintest.New(t, Name, New, nil)
	var bound *v1.Binding
	var refuse error
	e.Client.PrependReactor("create", "pods", func(action k8stesting.Action) (bool, runtime.Object, error) {
		if action.GetSubresource() == "binding" {
			bound = action.(k8stesting.CreateAction).GetObject().(*v1.Binding)
		}
		return true, bound, refuse
	})
	bind := func() *framework.Status {
		return e.Plugin.(framework.BindPlugin).Bind(context.Background(), nil, plugintest.Pod(t, "pod", ""), "n")
	}
	if status := bind(); !status.IsSuccess() {
		t.Fatal(status)
	}
	want := &v1.Binding{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "pod", UID: "pod"},
		Target:     v1.ObjectReference{Kind: "Node", Name: "n"},
	}
	if diff := cmp.Diff(want, bound); diff != "" {
		t.Errorf("binding (-want +got):\n%s", diff)
	}
	refuse = errors.New("no")
	if diff := cmp.Diff(`Error: bind pod to node "n": no`, plugintest.Text(bind())); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
}
