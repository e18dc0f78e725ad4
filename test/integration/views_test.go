package integration

import (
	"testing"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"github.com/proa-sh/proa/test/cluster"
)

// TestViews checks what subresources and further versions may change of an object, and what not.
func TestViews(t *testing.T) {
	client := cluster.StartAPI(t).Client
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "default"}}
	must(t)(client.CoreV1().ServiceAccounts("default").Create(t.Context(), account, metav1.CreateOptions{}))
	for name, test := range map[string]func(*testing.T, kubernetes.Interface){
		"pod": testPodViews, "certificate request": testRequestViews, "event": testEventVersions, "autoscaler": testAutoscalerVersions, "scale": testScale,
	} {
		t.Run(name, func(t *testing.T) { test(t, client) })
	}
}

func testPodViews(t *testing.T, client kubernetes.Interface) {
	pods := client.CoreV1().Pods("default")
	request := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("100m")}
	pod := must(t)(pods.Create(t.Context(), &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p"}, Spec: corev1.PodSpec{
		Containers: []corev1.Container{{Name: "c", Image: "example.org/i:1", Resources: corev1.ResourceRequirements{Requests: request}}},
	}}, metav1.CreateOptions{})).(*corev1.Pod)
	if pod.Generation != 1 || pod.Status.Phase != corev1.PodPending || pod.Status.QOSClass != corev1.PodQOSBurstable {
		t.Errorf("new pod: generation %d, phase %s, class %s", pod.Generation, pod.Status.Phase, pod.Status.QOSClass)
	}
	debug := []byte(`{"spec":{"ephemeralContainers":[{"name":"e","image":"example.org/e:1"}],"nodeName":"elsewhere"}}`)
	pod = must(t)(pods.Patch(t.Context(), "p", types.StrategicMergePatchType, debug, metav1.PatchOptions{}, "ephemeralcontainers")).(*corev1.Pod)
	if len(pod.Spec.EphemeralContainers) != 1 || pod.Spec.NodeName != "" || pod.Generation != 2 {
		t.Errorf("after adding an ephemeral container: %d of them, node %q, generation %d", len(pod.Spec.EphemeralContainers), pod.Spec.NodeName, pod.Generation)
	}
	resize := []byte(`{"spec":{"containers":[{"name":"c","image":"example.org/other:1","resources":{"requests":{"cpu":"200m"}}}]}}`)
	pod = must(t)(pods.Patch(t.Context(), "p", types.StrategicMergePatchType, resize, metav1.PatchOptions{}, "resize")).(*corev1.Pod)
	c := pod.Spec.Containers[0]
	if c.Resources.Requests.Cpu().String() != "200m" || c.Image != "example.org/i:1" || pod.Generation != 3 {
		t.Errorf("after a resize: %s of %s, generation %d", c.Resources.Requests.Cpu(), c.Image, pod.Generation)
	}
	status := []byte(`{"status":{"phase":"Running"},"spec":{"nodeName":"elsewhere"}}`)
	pod = must(t)(pods.Patch(t.Context(), "p", types.MergePatchType, status, metav1.PatchOptions{}, "status")).(*corev1.Pod)
	if pod.Status.Phase != corev1.PodRunning || pod.Spec.NodeName != "" || pod.Generation != 3 {
		t.Errorf("after an update of status: phase %s, node %q, generation %d", pod.Status.Phase, pod.Spec.NodeName, pod.Generation)
	}
	for selector, want := range map[string]int{"spec.nodeName=": 1, "spec.nodeName=a": 0, "status.phase=Running,spec.restartPolicy=Always": 1} {
		list := must(t)(pods.List(t.Context(), metav1.ListOptions{FieldSelector: selector})).(*corev1.PodList)
		if len(list.Items) != want {
			t.Errorf("field selector %q finds %d pods, want %d", selector, len(list.Items), want)
		}
	}
}

func testRequestViews(t *testing.T, client kubernetes.Interface) {
	requests := client.CertificatesV1().CertificateSigningRequests()
	c := must(t)(requests.Create(t.Context(), &certificatesv1.CertificateSigningRequest{ObjectMeta: metav1.ObjectMeta{Name: "r"}, Spec: certificatesv1.CertificateSigningRequestSpec{
		Request: certificateRequest(t), SignerName: "example.org/s", Usages: []certificatesv1.KeyUsage{certificatesv1.UsageClientAuth}, Username: "liar",
	}}, metav1.CreateOptions{})).(*certificatesv1.CertificateSigningRequest)
	if c.Spec.Username != "admin" || len(c.Spec.Groups) == 0 {
		t.Errorf("requested by %q of %v, want admin", c.Spec.Username, c.Spec.Groups)
	}
	c.Status.Conditions = []certificatesv1.CertificateSigningRequestCondition{{Type: certificatesv1.CertificateApproved, Status: corev1.ConditionTrue, Reason: "Test"}}
	must(t)(requests.UpdateStatus(t.Context(), c.DeepCopy(), metav1.UpdateOptions{}))
	c.ResourceVersion = ""
	if got := must(t)(requests.Get(t.Context(), "r", metav1.GetOptions{})).(*certificatesv1.CertificateSigningRequest); len(got.Status.Conditions) != 0 {
		t.Errorf("the subresource status approved a request: %v", got.Status.Conditions)
	}
	got := must(t)(requests.UpdateApproval(t.Context(), "r", c, metav1.UpdateOptions{})).(*certificatesv1.CertificateSigningRequest)
	if len(got.Status.Conditions) != 1 || got.Status.Conditions[0].LastUpdateTime.IsZero() {
		t.Errorf("after approval: %v", got.Status.Conditions)
	}
}

func testEventVersions(t *testing.T, client kubernetes.Interface) {
	pod := corev1.ObjectReference{Kind: "Pod", Namespace: "default", Name: "p"}
	must(t)(client.CoreV1().Events("default").Create(t.Context(), &corev1.Event{ObjectMeta: metav1.ObjectMeta{Name: "old"}, InvolvedObject: pod, Message: "m"}, metav1.CreateOptions{}))
	must(t)(client.EventsV1().Events("default").Create(t.Context(), &eventsv1.Event{ObjectMeta: metav1.ObjectMeta{Name: "new"}, Regarding: pod, Note: "n", Type: "Normal",
		EventTime: metav1.NowMicro(), ReportingController: "example.org/c", ReportingInstance: "i", Action: "a", Reason: "r"}, metav1.CreateOptions{}))
	if _, err := client.EventsV1().Events("default").Create(t.Context(), &eventsv1.Event{ObjectMeta: metav1.ObjectMeta{Name: "faulty"}, Regarding: pod}, metav1.CreateOptions{}); err == nil {
		t.Error("events.k8s.io/v1 accepts an event of the old form")
	}
	old := must(t)(client.CoreV1().Events("default").List(t.Context(), metav1.ListOptions{FieldSelector: "involvedObject.name=p,reason=r"})).(*corev1.EventList)
	if len(old.Items) != 1 || old.Items[0].Message != "n" {
		t.Errorf("found by v1: %v", old.Items)
	}
	found := must(t)(client.EventsV1().Events("default").List(t.Context(), metav1.ListOptions{FieldSelector: "regarding.name=p"})).(*eventsv1.EventList)
	if len(found.Items) != 2 {
		t.Errorf("found by events.k8s.io/v1: %d events, want 2", len(found.Items))
	}
}

func testAutoscalerVersions(t *testing.T, client kubernetes.Interface) {
	in := &autoscalingv1.HorizontalPodAutoscaler{ObjectMeta: metav1.ObjectMeta{Name: "a"}, Spec: autoscalingv1.HorizontalPodAutoscalerSpec{
		ScaleTargetRef: autoscalingv1.CrossVersionObjectReference{Kind: "Deployment", Name: "d", APIVersion: "apps/v1"}, MaxReplicas: 3, TargetCPUUtilizationPercentage: new(int32(50)),
	}}
	must(t)(client.AutoscalingV1().HorizontalPodAutoscalers("default").Create(t.Context(), in, metav1.CreateOptions{}))
	hub, err := client.AutoscalingV2().HorizontalPodAutoscalers("default").Get(t.Context(), "a", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(hub.Spec.Metrics) != 1 || *hub.Spec.Metrics[0].Resource.Target.AverageUtilization != 50 || *hub.Spec.MinReplicas != 1 {
		t.Errorf("autoscaling/v2: %+v", hub.Spec)
	}
}

func testScale(t *testing.T, client kubernetes.Interface) {
	template := &corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "a"}},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "example.org/i:1"}}}}
	controllers := client.CoreV1().ReplicationControllers("default")
	must(t)(controllers.Create(t.Context(), &corev1.ReplicationController{ObjectMeta: metav1.ObjectMeta{Name: "c"},
		Spec: corev1.ReplicationControllerSpec{Replicas: new(int32(0)), Selector: map[string]string{"app": "a"}, Template: template}}, metav1.CreateOptions{}))
	scale := must(t)(controllers.GetScale(t.Context(), "c", metav1.GetOptions{})).(*autoscalingv1.Scale)
	if scale.Spec.Replicas != 0 || scale.Status.Selector != "app=a" {
		t.Errorf("scale: %+v %+v", scale.Spec, scale.Status)
	}
	scale.Spec.Replicas = 3
	must(t)(controllers.UpdateScale(t.Context(), "c", scale, metav1.UpdateOptions{}))
	got := must(t)(controllers.Get(t.Context(), "c", metav1.GetOptions{})).(*corev1.ReplicationController)
	if *got.Spec.Replicas != 3 || got.Generation != 2 {
		t.Errorf("after scaling: %d replicas, generation %d", *got.Spec.Replicas, got.Generation)
	}
}

// must returns a function that ends the test on an error.
func must(t *testing.T) func(v any, err error) any {
	return func(v any, err error) any {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}
