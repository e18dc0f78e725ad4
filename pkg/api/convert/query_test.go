package convert

import (
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"
)

func TestQueries(t *testing.T) {
	s := runtime.NewScheme()
	metav1.AddToGroupVersion(s, corev1.SchemeGroupVersion)
	if err := corev1.AddToScheme(s); err != nil {
		t.Fatal(err)
	}
	if err := AddQueries(s); err != nil {
		t.Fatal(err)
	}
	codec := runtime.NewParameterCodec(s)
	at := metav1.Unix(1_700_000_000, 0)
	for _, want := range []runtime.Object{
		&corev1.PodLogOptions{Container: "c", Follow: true, TailLines: ptr.To[int64](3), SinceTime: &metav1.Time{Time: at.UTC()}, Stream: ptr.To("Stdout")},
		&corev1.PodExecOptions{Stdin: true, Command: []string{"sh", "-c", "true"}},
		&corev1.PodPortForwardOptions{Ports: []int32{80, 81}},
		&corev1.NodeProxyOptions{Path: "/x"},
	} {
		query, err := codec.EncodeParameters(want, corev1.SchemeGroupVersion)
		if err != nil {
			t.Fatal(err)
		}
		kinds, _, err := s.ObjectKinds(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.New(kinds[0])
		if err != nil {
			t.Fatal(err)
		}
		if err := codec.DecodeParameters(query, corev1.SchemeGroupVersion, got); err != nil {
			t.Errorf("%T: %v", want, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%T (-want +got):\n%s", want, diff)
		}
	}
	if err := codec.DecodeParameters(url.Values{"tailLines": {"x"}}, corev1.SchemeGroupVersion, &corev1.PodLogOptions{}); err == nil {
		t.Error("a number that is none was taken")
	}
}
