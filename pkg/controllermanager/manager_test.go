package controllermanager_test

import (
	"context"
	"maps"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	apps "k8s.io/api/apps/v1"
	authentication "k8s.io/api/authentication/v1"
	batch "k8s.io/api/batch/v1"
	v1 "k8s.io/api/core/v1"
	resource "k8s.io/api/resource/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	quantity "k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/apiserver/pkg/authentication/serviceaccount"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	"k8s.io/klog/v2/ktesting"

	"github.com/proa-sh/proa/pkg/cluster/pki"
	"github.com/proa-sh/proa/pkg/controllermanager"
	"github.com/proa-sh/proa/pkg/controllers"
	"github.com/proa-sh/proa/test/cluster"
)

// start runs all controllers, each with its own identity, against a real API server, on that server's informers.
func start(t *testing.T) *cluster.API {
	t.Helper()
	api := cluster.StartAPI(t)
	settings := controllers.DefaultSettings()
	ca, err := os.ReadFile(api.Certificates.Cert(pki.CA))
	check(t, err)
	key, err := os.ReadFile(api.Certificates.Key(pki.CA))
	check(t, err)
	settings.RootCA = ca
	settings.ServiceAccountKey, err = os.ReadFile(api.Certificates.ServiceAccountKey())
	check(t, err)
	settings.Signing = map[string]controllers.Authority{"kubernetes.io/kube-apiserver-client": {CertPEM: ca, KeyPEM: key}}
	settings.AllocateNodeCIDRs, settings.ClusterCIDRs = true, []netip.Prefix{netip.MustParsePrefix("10.244.0.0/16")}
	manager, err := controllermanager.New(controllermanager.Config{
		Informers: api.Server.Informers(), Controllers: []string{"*"}, Settings: settings,
		ClientFor: func(account string) *rest.Config {
			if account == "" {
				return api.Server.ClientConfig(&user.DefaultInfo{Name: user.KubeControllerManager, Groups: []string{user.AllAuthenticated}})
			}
			return api.Server.ClientConfig(&user.DefaultInfo{
				Name:   serviceaccount.MakeUsername("kube-system", account),
				Groups: append(serviceaccount.MakeGroupNames("kube-system"), user.AllAuthenticated),
			})
		},
	})
	check(t, err)
	logger := ktesting.NewLogger(t, ktesting.NewConfig(ktesting.Verbosity(2)))
	ctx, stop := context.WithCancel(klog.NewContext(context.Background(), logger))
	api.Server.Informers().StartWithContext(ctx)
	ended := make(chan error, 1)
	go func() { ended <- manager.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		check(t, <-ended)
	})
	return api
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wait watches pods until ok holds for the state of the server, which it reads after each change and each second.
func wait(t *testing.T, api *cluster.API, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	changes, err := api.Client.CoreV1().Pods("").Watch(ctx, metav1.ListOptions{})
	check(t, err)
	defer changes.Stop()
	again := time.NewTicker(200 * time.Millisecond)
	defer again.Stop()
	for !ok() {
		select {
		case <-changes.ResultChan():
		case <-again.C:
		case <-ctx.Done():
			t.Fatalf("timed out waiting until %s", what)
		}
	}
}

// play does what scheduler and kubelets would do on one node: pods run and are ready at once, and ending ones end.
func play(t *testing.T, api *cluster.API, node string) {
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	changes, err := api.Client.CoreV1().Pods("").Watch(ctx, metav1.ListOptions{})
	check(t, err)
	go func() {
		defer close(ended)
		for change := range changes.ResultChan() {
			pod, isPod := change.Object.(*v1.Pod)
			if !isPod || change.Type == watch.Deleted {
				continue
			}
			if err := playOne(ctx, api, pod, node); err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) && ctx.Err() == nil {
				t.Error(err)
			}
		}
	}()
	t.Cleanup(func() {
		stop()
		changes.Stop()
		<-ended
	})
}

func playOne(ctx context.Context, api *cluster.API, pod *v1.Pod, node string) error {
	pods, none := api.Client.CoreV1().Pods(pod.Namespace), int64(0)
	switch {
	case pod.Spec.NodeName == "":
		return pods.Bind(ctx, &v1.Binding{ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name}, Target: v1.ObjectReference{Kind: "Node", Name: node}}, metav1.CreateOptions{})
	case pod.DeletionTimestamp != nil && (pod.DeletionGracePeriodSeconds == nil || *pod.DeletionGracePeriodSeconds > 0):
		return pods.Delete(ctx, pod.Name, metav1.DeleteOptions{GracePeriodSeconds: &none, Preconditions: &metav1.Preconditions{UID: &pod.UID}})
	case pod.Status.Phase == v1.PodPending:
		pod = pod.DeepCopy()
		pod.Status.Phase = v1.PodRunning
		pod.Status.PodIP, pod.Status.PodIPs = "10.244.0.9", []v1.PodIP{{IP: "10.244.0.9"}}
		pod.Status.Conditions = append(pod.Status.Conditions, v1.PodCondition{Type: v1.PodReady, Status: v1.ConditionTrue, LastTransitionTime: metav1.Now()})
		_, err := pods.UpdateStatus(ctx, pod, metav1.UpdateOptions{})
		return err
	case pod.Status.Phase == v1.PodRunning && pod.Labels["end"] != "":
		pod = pod.DeepCopy()
		pod.Status.Phase = map[string]v1.PodPhase{"well": v1.PodSucceeded, "badly": v1.PodFailed}[pod.Labels["end"]]
		_, err := pods.UpdateStatus(ctx, pod, metav1.UpdateOptions{})
		return err
	}
	return nil
}

func newNode(t *testing.T, api *cluster.API, name string) {
	t.Helper()
	node, err := api.Client.CoreV1().Nodes().Create(t.Context(), &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
	check(t, err)
	patch := `{"status":{"conditions":[{"type":"Ready","status":"True","lastHeartbeatTime":"` + time.Now().UTC().Format(time.RFC3339) + `"}]}}`
	_, err = api.Client.CoreV1().Nodes().Patch(t.Context(), node.Name, types.StrategicMergePatchType, []byte(patch), metav1.PatchOptions{}, "status")
	check(t, err)
}

func template(image string) v1.PodTemplateSpec {
	return v1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "web"}},
		Spec:       v1.PodSpec{Containers: []v1.Container{{Name: "c", Image: image}}},
	}
}

// A namespace gets its service account and bundle; a Deployment in it becomes pods, endpoints, and goes with all it owns.
func TestDeploymentLife(t *testing.T) {
	api := start(t)
	ctx := t.Context()
	newNode(t, api, "n1")
	play(t, api, "n1")
	wait(t, api, "the node has no taints and its addresses", func() bool {
		node, err := api.Client.CoreV1().Nodes().Get(ctx, "n1", metav1.GetOptions{})
		return err == nil && len(node.Spec.Taints) == 0 && node.Spec.PodCIDR == "10.244.0.0/24"
	})
	_, err := api.Client.CoreV1().Namespaces().Create(ctx, &v1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop"}}, metav1.CreateOptions{})
	check(t, err)
	wait(t, api, "the namespace has its service account and bundle", func() bool {
		_, noAccount := api.Client.CoreV1().ServiceAccounts("shop").Get(ctx, "default", metav1.GetOptions{})
		_, noBundle := api.Client.CoreV1().ConfigMaps("shop").Get(ctx, "kube-root-ca.crt", metav1.GetOptions{})
		return noAccount == nil && noBundle == nil
	})
	three := int32(3)
	deployments := api.Client.AppsV1().Deployments("shop")
	_, err = deployments.Create(ctx, &apps.Deployment{ObjectMeta: metav1.ObjectMeta{Name: "web"}, Spec: apps.DeploymentSpec{
		Replicas: &three, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}, Template: template("v1"),
	}}, metav1.CreateOptions{})
	check(t, err)
	_, err = api.Client.CoreV1().Services("shop").Create(ctx, &v1.Service{ObjectMeta: metav1.ObjectMeta{Name: "web"}, Spec: v1.ServiceSpec{
		Selector: map[string]string{"app": "web"}, Ports: []v1.ServicePort{{Port: 80, TargetPort: intstr.FromInt32(8080)}},
	}}, metav1.CreateOptions{})
	check(t, err)
	rolledOut := func(generation int64) func() bool {
		return func() bool {
			d, err := deployments.Get(ctx, "web", metav1.GetOptions{})
			return err == nil && d.Status.ObservedGeneration >= generation && d.Status.AvailableReplicas == 3 && d.Status.UpdatedReplicas == 3 && d.Status.Replicas == 3
		}
	}
	wait(t, api, "the deployment is rolled out", rolledOut(1))
	wait(t, api, "the service has endpoints", func() bool {
		slices, err := api.Client.DiscoveryV1().EndpointSlices("shop").List(ctx, metav1.ListOptions{LabelSelector: "kubernetes.io/service-name=web"})
		endpoints, missing := api.Client.CoreV1().Endpoints("shop").Get(ctx, "web", metav1.GetOptions{})
		return err == nil && missing == nil && len(slices.Items) == 1 && len(slices.Items[0].Endpoints) == 3 && len(endpoints.Subsets) == 1
	})
	_, err = deployments.Patch(ctx, "web", types.StrategicMergePatchType, []byte(`{"spec":{"template":{"spec":{"containers":[{"name":"c","image":"v2"}]}}}}`), metav1.PatchOptions{})
	check(t, err)
	wait(t, api, "the second template is rolled out", rolledOut(2))

	foreground := metav1.DeletePropagationForeground
	check(t, deployments.Delete(ctx, "web", metav1.DeleteOptions{PropagationPolicy: &foreground}))
	wait(t, api, "the deployment and all it owns are gone", func() bool {
		pods, err := api.Client.CoreV1().Pods("shop").List(ctx, metav1.ListOptions{})
		sets, noSets := api.Client.AppsV1().ReplicaSets("shop").List(ctx, metav1.ListOptions{})
		_, gone := deployments.Get(ctx, "web", metav1.GetOptions{})
		return err == nil && noSets == nil && len(pods.Items)+len(sets.Items) == 0 && apierrors.IsNotFound(gone)
	})
	check(t, api.Client.CoreV1().Namespaces().Delete(ctx, "shop", metav1.DeleteOptions{}))
	wait(t, api, "the namespace is gone", func() bool {
		_, err := api.Client.CoreV1().Namespaces().Get(ctx, "shop", metav1.GetOptions{})
		return apierrors.IsNotFound(err)
	})
}

// Jobs end, sets of both other kinds roll out and are updated, on a real API server with its defaults and validation.
func TestWorkloads(t *testing.T) {
	api := start(t)
	ctx := t.Context()
	newNode(t, api, "n1")
	play(t, api, "n1")
	two, mode := int32(2), batch.IndexedCompletion
	labels := map[string]string{"app": "web"}
	job := template("v1")
	job.Spec.RestartPolicy = v1.RestartPolicyNever
	job.Labels = map[string]string{"end": "well"}
	_, err := api.Client.BatchV1().Jobs("default").Create(ctx, &batch.Job{ObjectMeta: metav1.ObjectMeta{Name: "good"}, Spec: batch.JobSpec{
		Completions: &two, Parallelism: &two, CompletionMode: &mode, Template: job,
	}}, metav1.CreateOptions{})
	check(t, err)
	bad, none := *job.DeepCopy(), int32(0)
	bad.Labels = map[string]string{"end": "badly"}
	_, err = api.Client.BatchV1().Jobs("default").Create(ctx, &batch.Job{ObjectMeta: metav1.ObjectMeta{Name: "bad"}, Spec: batch.JobSpec{
		BackoffLimit: &none, Template: bad,
	}}, metav1.CreateOptions{})
	check(t, err)
	_, err = api.Client.AppsV1().DaemonSets("default").Create(ctx, &apps.DaemonSet{ObjectMeta: metav1.ObjectMeta{Name: "agent"}, Spec: apps.DaemonSetSpec{
		Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: template("v1"),
	}}, metav1.CreateOptions{})
	check(t, err)
	db := template("v1")
	db.Labels = map[string]string{"app": "db"}
	_, err = api.Client.AppsV1().StatefulSets("default").Create(ctx, &apps.StatefulSet{ObjectMeta: metav1.ObjectMeta{Name: "db"}, Spec: apps.StatefulSetSpec{
		Replicas: &two, ServiceName: "db", Selector: &metav1.LabelSelector{MatchLabels: db.Labels}, Template: db,
	}}, metav1.CreateOptions{})
	check(t, err)
	ended := func(name string, kind batch.JobConditionType) func() bool {
		return func() bool {
			one, err := api.Client.BatchV1().Jobs("default").Get(ctx, name, metav1.GetOptions{})
			return err == nil && slices.ContainsFunc(one.Status.Conditions, func(c batch.JobCondition) bool { return c.Type == kind && c.Status == v1.ConditionTrue })
		}
	}
	wait(t, api, "the good job is complete", ended("good", batch.JobComplete))
	wait(t, api, "the bad job has failed", ended("bad", batch.JobFailed))
	rolledOut := func(generation int64) func() bool {
		return func() bool {
			agent, noAgent := api.Client.AppsV1().DaemonSets("default").Get(ctx, "agent", metav1.GetOptions{})
			db, noDB := api.Client.AppsV1().StatefulSets("default").Get(ctx, "db", metav1.GetOptions{})
			return noAgent == nil && noDB == nil && agent.Status.ObservedGeneration == generation && agent.Status.UpdatedNumberScheduled == 1 && agent.Status.NumberAvailable == 1 &&
				db.Status.ObservedGeneration == generation && db.Status.CurrentRevision == db.Status.UpdateRevision && db.Status.ReadyReplicas == 2
		}
	}
	wait(t, api, "both sets are rolled out", rolledOut(1))
	patch := []byte(`{"spec":{"template":{"spec":{"containers":[{"name":"c","image":"v2"}]}}}}`)
	_, err = api.Client.AppsV1().DaemonSets("default").Patch(ctx, "agent", types.StrategicMergePatchType, patch, metav1.PatchOptions{})
	check(t, err)
	_, err = api.Client.AppsV1().StatefulSets("default").Patch(ctx, "db", types.StrategicMergePatchType, patch, metav1.PatchOptions{})
	check(t, err)
	wait(t, api, "both sets are updated", rolledOut(2))
	check(t, api.Client.BatchV1().Jobs("default").Delete(ctx, "good", metav1.DeleteOptions{PropagationPolicy: func() *metav1.DeletionPropagation { p := metav1.DeletePropagationBackground; return &p }()}))
	wait(t, api, "the pods of the deleted job are gone", func() bool {
		pods, err := api.Client.CoreV1().Pods("default").List(ctx, metav1.ListOptions{LabelSelector: "end=well"})
		return err == nil && len(pods.Items) == 0
	})
}

// A Secret gets the token of its account, which the API server knows until one of the two has gone.
func TestTokenInSecret(t *testing.T) {
	api := start(t)
	ctx := t.Context()
	secrets := api.Client.CoreV1().Secrets("default")
	secret := &v1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "robot-token", Annotations: map[string]string{v1.ServiceAccountNameKey: "robot"}},
		Type:       v1.SecretTypeServiceAccountToken,
	}
	_, err := api.Client.CoreV1().ServiceAccounts("default").Create(ctx, &v1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "robot"}}, metav1.CreateOptions{})
	check(t, err)
	_, err = secrets.Create(ctx, secret, metav1.CreateOptions{})
	check(t, err)
	wait(t, api, "the Secret has a token", func() bool {
		secret, err = secrets.Get(ctx, secret.Name, metav1.GetOptions{})
		return err == nil && len(secret.Data[v1.ServiceAccountTokenKey]) > 0
	})
	if len(secret.Data[v1.ServiceAccountRootCAKey]) == 0 || string(secret.Data[v1.ServiceAccountNamespaceKey]) != "default" {
		t.Errorf("the Secret lacks the bundle or the namespace: %v", secret.Data)
	}
	review := func() authentication.TokenReviewStatus {
		got, err := api.Client.AuthenticationV1().TokenReviews().Create(ctx, &authentication.TokenReview{
			Spec: authentication.TokenReviewSpec{Token: string(secret.Data[v1.ServiceAccountTokenKey])},
		}, metav1.CreateOptions{})
		check(t, err)
		return got.Status
	}
	if got := review(); !got.Authenticated || got.User.Username != "system:serviceaccount:default:robot" {
		t.Errorf("the token is known as %+v", got)
	}
	check(t, api.Client.CoreV1().ServiceAccounts("default").Delete(ctx, "robot", metav1.DeleteOptions{}))
	wait(t, api, "the Secret has gone, and its token is not known", func() bool {
		_, err := secrets.Get(ctx, secret.Name, metav1.GetOptions{})
		return apierrors.IsNotFound(err) && !review().Authenticated
	})
}

// Quotas follow claims of devices and claims of a class of volume attributes, which admission counts when they come and the
// controller when they go.
func TestQuotas(t *testing.T) {
	api := start(t)
	ctx := t.Context()
	gold := "gold"
	_, err := api.Client.CoreV1().ResourceQuotas("default").Create(ctx, &v1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{Name: "devices"},
		Spec: v1.ResourceQuotaSpec{Hard: v1.ResourceList{
			"count/resourceclaims.resource.k8s.io": quantity.MustParse("2"), "gpu.deviceclass.resource.k8s.io/devices": quantity.MustParse("4"),
		}},
	}, metav1.CreateOptions{})
	check(t, err)
	_, err = api.Client.CoreV1().ResourceQuotas("default").Create(ctx, &v1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{Name: "volumes"},
		Spec: v1.ResourceQuotaSpec{Hard: v1.ResourceList{v1.ResourcePersistentVolumeClaims: quantity.MustParse("1")},
			ScopeSelector: &v1.ScopeSelector{MatchExpressions: []v1.ScopedResourceSelectorRequirement{{
				ScopeName: v1.ResourceQuotaScopeVolumeAttributesClass, Operator: v1.ScopeSelectorOpIn, Values: []string{gold},
			}}}},
	}, metav1.CreateOptions{})
	check(t, err)
	used := func(name string, want string) func() bool {
		return func() bool {
			one, err := api.Client.CoreV1().ResourceQuotas("default").Get(ctx, name, metav1.GetOptions{})
			check(t, err)
			var words []string
			for _, name := range slices.Sorted(maps.Keys(one.Status.Used)) {
				n := one.Status.Used[name]
				words = append(words, n.String())
			}
			return strings.Join(words, " ") == want
		}
	}
	wait(t, api, "no devices are counted", used("devices", "0 0"))
	wait(t, api, "no claims are counted", used("volumes", "0"))

	claims := api.Client.ResourceV1().ResourceClaims("default")
	claim := &resource.ResourceClaim{ObjectMeta: metav1.ObjectMeta{Name: "a"}, Spec: resource.ResourceClaimSpec{Devices: resource.DeviceClaim{
		Requests: []resource.DeviceRequest{{Name: "r", Exactly: &resource.ExactDeviceRequest{DeviceClassName: "gpu", Count: 3}}},
	}}}
	_, err = claims.Create(ctx, claim, metav1.CreateOptions{})
	check(t, err)
	wait(t, api, "the claim is counted", used("devices", "1 3"))
	claim.Name = "b"
	if _, err := claims.Create(ctx, claim, metav1.CreateOptions{}); !apierrors.IsForbidden(err) {
		t.Errorf("a claim of more devices than are left: %v", err)
	}
	check(t, claims.Delete(ctx, "a", metav1.DeleteOptions{}))
	wait(t, api, "the claim is counted no longer", used("devices", "0 0"))

	volumes := api.Client.CoreV1().PersistentVolumeClaims("default")
	volume := func(name string, class *string) *v1.PersistentVolumeClaim {
		return &v1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1.PersistentVolumeClaimSpec{
			AccessModes: []v1.PersistentVolumeAccessMode{v1.ReadWriteOnce}, VolumeAttributesClassName: class,
			Resources: v1.VolumeResourceRequirements{Requests: v1.ResourceList{v1.ResourceStorage: quantity.MustParse("1Gi")}},
		}}
	}
	for _, one := range []*v1.PersistentVolumeClaim{volume("plain", nil), volume("golden", &gold)} {
		_, err = volumes.Create(ctx, one, metav1.CreateOptions{})
		check(t, err)
	}
	wait(t, api, "the golden claim is counted", used("volumes", "1"))
	if _, err := volumes.Create(ctx, volume("more", &gold), metav1.CreateOptions{}); !apierrors.IsForbidden(err) {
		t.Errorf("one claim of the class too many: %v", err)
	}
	check(t, volumes.Delete(ctx, "golden", metav1.DeleteOptions{}))
	wait(t, api, "the golden claim is counted no longer", used("volumes", "0"))
	_, err = volumes.Patch(ctx, "plain", types.MergePatchType, []byte(`{"status": {"currentVolumeAttributesClassName": "gold"}}`), metav1.PatchOptions{}, "status")
	check(t, err)
	wait(t, api, "a claim that has become golden is counted", used("volumes", "1"))
}
