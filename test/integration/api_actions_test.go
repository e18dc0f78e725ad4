package integration

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/proa-sh/proa/test/cluster"
)

// actionTest is a test of what can be done besides writing objects.
type actionTest struct {
	*testing.T
	api    *cluster.API
	client kubernetes.Interface
}

func TestActions(t *testing.T) {
	api := cluster.StartAPI(t)
	for _, namespace := range []string{"default", "kube-system"} {
		account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "default"}}
		if _, err := api.Client.CoreV1().ServiceAccounts(namespace).Create(t.Context(), account, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		name string
		run  func(actionTest)
	}{
		{"bindings", actionTest.bindings},
		{"evictions", actionTest.evictions},
		{"tokens", actionTest.tokens},
		{"token reviews", actionTest.tokenReviews},
		{"access reviews", actionTest.accessReviews},
		{"rules reviews", actionTest.rulesReviews},
		{"grants", actionTest.grants},
		{"namespaces", actionTest.namespaces},
		{"streams", actionTest.streams},
		{"logs", actionTest.logs},
		{"proxies", actionTest.proxies},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(actionTest{t, api, api.Client}) })
	}
}

// as returns a client that acts as a user without special rights.
func (t actionTest) as(u user.Info) kubernetes.Interface {
	t.Helper()
	client, err := kubernetes.NewForConfig(t.api.Server.ClientConfig(u))
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func (t actionTest) ok(err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// refused checks the reason of an error and what it says.
func (t actionTest) refused(what string, err error, reason metav1.StatusReason, says string) {
	t.Helper()
	if err == nil || apierrors.ReasonForError(err) != reason || !strings.Contains(err.Error(), says) {
		t.Errorf("%s: got %v (%s), want %s: ...%s", what, err, apierrors.ReasonForError(err), reason, says)
	}
}

func (t actionTest) pod(name string, containers ...string) *corev1.Pod {
	t.Helper()
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"app": name}}}
	for _, c := range append([]string{"c"}, containers...) {
		pod.Spec.Containers = append(pod.Spec.Containers, corev1.Container{Name: c, Image: "i"})
	}
	pod, err := t.client.CoreV1().Pods("default").Create(t.Context(), pod, metav1.CreateOptions{})
	t.ok(err)
	return pod
}

func (t actionTest) bind(name, node string, change ...func(*corev1.Binding)) error {
	b := &corev1.Binding{ObjectMeta: metav1.ObjectMeta{Name: name}, Target: corev1.ObjectReference{Kind: "Node", Name: node}}
	for _, c := range change {
		c(b)
	}
	return t.client.CoreV1().Pods("default").Bind(t.Context(), b, metav1.CreateOptions{})
}

func (t actionTest) bindings() {
	pod := t.pod("bound")
	pod.Status.NominatedNodeName = "m"
	_, err := t.client.CoreV1().Pods("default").UpdateStatus(t.Context(), pod, metav1.UpdateOptions{})
	t.ok(err)
	t.refused("no node", t.bind("bound", ""), metav1.StatusReasonInvalid, "target.name")
	t.refused("no pod", t.bind("none", "n"), metav1.StatusReasonNotFound, "none")
	t.refused("another pod", t.bind("bound", "n", func(b *corev1.Binding) { b.UID = "other" }), metav1.StatusReasonConflict, "other")
	t.ok(t.bind("bound", "n", func(b *corev1.Binding) {
		b.UID, b.Annotations, b.Labels = pod.UID, map[string]string{"a": "1"}, map[string]string{"l": "1"}
	}))
	pod, err = t.client.CoreV1().Pods("default").Get(t.Context(), "bound", metav1.GetOptions{})
	t.ok(err)
	if pod.Spec.NodeName != "n" || pod.Status.NominatedNodeName != "" || pod.Annotations["a"] != "1" || pod.Labels["l"] != "1" || pod.Labels["app"] != "bound" ||
		!slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
			return c.Type == corev1.PodScheduled && c.Status == corev1.ConditionTrue
		}) {
		t.Errorf("bound: got %v, %v, %v", pod.ObjectMeta, pod.Spec.NodeName, pod.Status.Conditions)
	}
	t.refused("bound twice", t.bind("bound", "m"), metav1.StatusReasonConflict, `already assigned to node "n"`)
}

func (t actionTest) evictions() {
	pods, budgets := t.client.CoreV1().Pods("default"), t.client.PolicyV1().PodDisruptionBudgets("default")
	pod := t.pod("evicted")
	evict := func(options *metav1.DeleteOptions) error {
		eviction := &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "evicted"}, DeleteOptions: options}
		// Clients wait and try again when they are told to, which this test does not want.
		return t.client.CoreV1().RESTClient().Post().MaxRetries(0).Namespace("default").Resource("pods").Name("evicted").SubResource("eviction").Body(eviction).Do(t.Context()).Error()
	}
	pod.Status.Phase = corev1.PodRunning
	pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
	running, err := pods.UpdateStatus(t.Context(), pod, metav1.UpdateOptions{})
	t.ok(err)
	one := intstr.FromInt32(1)
	budget, err := budgets.Create(t.Context(), &policyv1.PodDisruptionBudget{ObjectMeta: metav1.ObjectMeta{Name: "b"}, Spec: policyv1.PodDisruptionBudgetSpec{
		MinAvailable: &one, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "evicted"}}}}, metav1.CreateOptions{})
	t.ok(err)
	t.refused("a budget that nobody has looked at", evict(nil), metav1.StatusReasonTooManyRequests, "disruption budget")
	budget.Status = policyv1.PodDisruptionBudgetStatus{ObservedGeneration: budget.Generation, CurrentHealthy: 1, DesiredHealthy: 1, ExpectedPods: 1}
	budget, err = budgets.UpdateStatus(t.Context(), budget, metav1.UpdateOptions{})
	t.ok(err)
	t.refused("a budget that is used up", evict(nil), metav1.StatusReasonTooManyRequests, "disruption budget")
	budget.Status.DisruptionsAllowed = 1
	_, err = budgets.UpdateStatus(t.Context(), budget, metav1.UpdateOptions{})
	t.ok(err)
	other := pod.UID + "x"
	t.refused("another pod", evict(&metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &other}}), metav1.StatusReasonConflict, "UID")
	t.ok(evict(&metav1.DeleteOptions{DryRun: []string{metav1.DryRunAll}}))
	if b, err := budgets.Get(t.Context(), "b", metav1.GetOptions{}); err != nil || b.Status.DisruptionsAllowed != 1 {
		t.Errorf("a dry run counted: %v, %v", b.Status, err)
	}
	dry := &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "evicted"}}
	t.ok(t.client.CoreV1().RESTClient().Post().Namespace("default").Resource("pods").Name("evicted").SubResource("eviction").Param("dryRun", metav1.DryRunAll).Body(dry).Do(t.Context()).Error())
	if b, err := budgets.Get(t.Context(), "b", metav1.GetOptions{}); err != nil || b.Status.DisruptionsAllowed != 1 {
		t.Errorf("a dry run by the query counted: %v, %v", b.Status, err)
	}
	if p, err := pods.Get(t.Context(), "evicted", metav1.GetOptions{}); err != nil || p.DeletionTimestamp != nil || p.ResourceVersion != running.ResourceVersion {
		t.Errorf("a dry run evicted: %v, %v", p, err)
	}
	old := pod.ResourceVersion
	t.refused("a pod that has changed since", evict(&metav1.DeleteOptions{Preconditions: &metav1.Preconditions{ResourceVersion: &old}}), metav1.StatusReasonConflict, "ResourceVersion")
	t.ok(evict(&metav1.DeleteOptions{Preconditions: &metav1.Preconditions{ResourceVersion: &running.ResourceVersion}}))
	if b, err := budgets.Get(t.Context(), "b", metav1.GetOptions{}); err != nil || b.Status.DisruptionsAllowed != 0 || len(b.Status.DisruptedPods) != 1 {
		t.Errorf("after an eviction: %v, %v", b.Status, err)
	}
	if _, err := pods.Get(t.Context(), "evicted", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("the evicted pod: got %v", err)
	}
	t.refused("no pod", evict(nil), metav1.StatusReasonNotFound, "evicted")
}

func (t actionTest) tokenFor(spec authenticationv1.TokenRequestSpec) (*authenticationv1.TokenRequest, error) {
	return t.client.CoreV1().ServiceAccounts("default").CreateToken(t.Context(), "default", &authenticationv1.TokenRequest{Spec: spec}, metav1.CreateOptions{})
}

// whoami asks the server, by the network, who holds the token.
func (t actionTest) whoami(token string) (authenticationv1.UserInfo, error) {
	t.Helper()
	client, err := kubernetes.NewForConfig(&rest.Config{Host: t.api.URL, BearerToken: token, TLSClientConfig: rest.TLSClientConfig{Insecure: true}})
	t.ok(err)
	r, err := client.AuthenticationV1().SelfSubjectReviews().Create(t.Context(), &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
	if err != nil {
		return authenticationv1.UserInfo{}, err
	}
	return r.Status.UserInfo, nil
}

func (t actionTest) tokens() {
	short := int64(60)
	_, err := t.tokenFor(authenticationv1.TokenRequestSpec{ExpirationSeconds: &short})
	t.refused("a short life", err, metav1.StatusReasonInvalid, "spec.expirationSeconds")
	pod := t.pod("holder")
	ref := &authenticationv1.BoundObjectReference{APIVersion: "v1", Kind: "Pod", Name: "holder", UID: "other"}
	_, err = t.tokenFor(authenticationv1.TokenRequestSpec{BoundObjectRef: ref})
	t.refused("another pod", err, metav1.StatusReasonConflict, "UID")
	_, err = t.tokenFor(authenticationv1.TokenRequestSpec{BoundObjectRef: &authenticationv1.BoundObjectReference{APIVersion: "v1", Kind: "ConfigMap", Name: "x"}})
	t.refused("a kind that nothing is bound to", err, metav1.StatusReasonBadRequest, "cannot bind token")
	_, err = t.client.CoreV1().ServiceAccounts("default").CreateToken(t.Context(), "default", &authenticationv1.TokenRequest{ObjectMeta: metav1.ObjectMeta{Name: "x"}}, metav1.CreateOptions{})
	t.refused("another name", err, metav1.StatusReasonBadRequest, "must match")
	_, err = t.client.CoreV1().ServiceAccounts("default").CreateToken(t.Context(), "default", &authenticationv1.TokenRequest{ObjectMeta: metav1.ObjectMeta{UID: "x"}}, metav1.CreateOptions{})
	t.refused("another account of that name", err, metav1.StatusReasonConflict, "the UID in the token request (x) does not match the UID of the service account")
	ref.UID = pod.UID
	life := int64(3607)
	r, err := t.tokenFor(authenticationv1.TokenRequestSpec{BoundObjectRef: ref, ExpirationSeconds: &life})
	t.ok(err)
	if left := time.Until(r.Status.ExpirationTimestamp.Time); left > time.Hour+7*time.Second || left < time.Hour-time.Minute {
		t.Errorf("the token is said to live %s", left)
	}
	who, err := t.whoami(r.Status.Token)
	if err != nil || who.Username != "system:serviceaccount:default:default" || who.Extra["authentication.kubernetes.io/pod-name"][0] != "holder" {
		t.Errorf("got %v, %v", who, err)
	}
	// One that has not been used yet: the server believes for a while what it has found out.
	unused, err := t.tokenFor(authenticationv1.TokenRequestSpec{BoundObjectRef: ref, ExpirationSeconds: &life})
	t.ok(err)
	known := t.api.Server.Informers().Core().V1().Pods().Lister().Pods("default")
	none := int64(0)
	t.ok(t.client.CoreV1().Pods("default").Delete(t.Context(), "holder", metav1.DeleteOptions{GracePeriodSeconds: &none}))
	t.eventually(apierrors.IsNotFound, func() error { // until the server has learned of it
		_, err := known.Get("holder")
		return err
	})
	_, err = t.whoami(unused.Status.Token)
	t.refused("a pod that has gone", err, metav1.StatusReasonUnauthorized, "")
}

func (t actionTest) tokenReviews() {
	r, err := t.tokenFor(authenticationv1.TokenRequestSpec{Audiences: []string{"shop"}})
	t.ok(err)
	review := func(token string, audiences ...string) authenticationv1.TokenReviewStatus {
		t.Helper()
		out, err := t.client.AuthenticationV1().TokenReviews().Create(t.Context(), &authenticationv1.TokenReview{
			Spec: authenticationv1.TokenReviewSpec{Token: token, Audiences: audiences}}, metav1.CreateOptions{})
		t.ok(err)
		return out.Status
	}
	if s := review(r.Status.Token, "shop", "other"); !s.Authenticated || s.User.Username != "system:serviceaccount:default:default" || !slices.Equal(s.Audiences, []string{"shop"}) {
		t.Errorf("got %v", s)
	}
	if s := review(r.Status.Token); s.Authenticated || s.Error == "" {
		t.Errorf("a token for others: got %v", s)
	}
	if s := review("nonsense"); s.Authenticated || s.Error == "" {
		t.Errorf("nonsense: got %v", s)
	}
	_, err = t.client.AuthenticationV1().TokenReviews().Create(t.Context(), &authenticationv1.TokenReview{}, metav1.CreateOptions{})
	t.refused("no token", err, metav1.StatusReasonBadRequest, "token is required")
}

func (t actionTest) accessReviews() {
	access := t.client.AuthorizationV1()
	ask := func(spec authorizationv1.SubjectAccessReviewSpec) (bool, error) {
		r, err := access.SubjectAccessReviews().Create(t.Context(), &authorizationv1.SubjectAccessReview{Spec: spec}, metav1.CreateOptions{})
		if err != nil {
			return false, err
		}
		return r.Status.Allowed, nil
	}
	for name, c := range map[string]struct {
		spec authorizationv1.SubjectAccessReviewSpec
		want bool
	}{
		"administrator": {authorizationv1.SubjectAccessReviewSpec{User: "x", Groups: []string{"system:masters"}, ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: "get", Resource: "secrets"}}, true},
		"nobody":        {authorizationv1.SubjectAccessReviewSpec{User: "x", ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: "get", Resource: "secrets"}}, false},
		"path":          {authorizationv1.SubjectAccessReviewSpec{Groups: []string{"system:authenticated"}, NonResourceAttributes: &authorizationv1.NonResourceAttributes{Verb: "get", Path: "/version"}}, true},
	} {
		if got, err := ask(c.spec); err != nil || got != c.want {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
	}
	_, err := ask(authorizationv1.SubjectAccessReviewSpec{User: "x"})
	t.refused("no question", err, metav1.StatusReasonInvalid, "spec.resourceAttributes")
	_, err = ask(authorizationv1.SubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: "get"}})
	t.refused("nobody in question", err, metav1.StatusReasonInvalid, "spec.user")
	_, err = access.LocalSubjectAccessReviews("default").Create(t.Context(), &authorizationv1.LocalSubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: "x", ResourceAttributes: &authorizationv1.ResourceAttributes{Namespace: "other", Verb: "get", Resource: "pods"}}}, metav1.CreateOptions{})
	t.refused("another namespace", err, metav1.StatusReasonBadRequest, "must match namespace")
	own, err := t.as(&user.DefaultInfo{Name: "jane", Groups: []string{user.AllAuthenticated}}).AuthorizationV1().SelfSubjectAccessReviews().Create(t.Context(),
		&authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: "list", Resource: "pods"}}}, metav1.CreateOptions{})
	if err != nil || own.Status.Allowed {
		t.Errorf("own access: got %v, %v", own, err)
	}
}

func (t actionTest) rulesReviews() {
	r, err := t.as(&user.DefaultInfo{Name: "x", Groups: []string{"system:basic-user", user.AllAuthenticated}}).AuthorizationV1().SelfSubjectRulesReviews().Create(t.Context(),
		&authorizationv1.SelfSubjectRulesReview{Spec: authorizationv1.SelfSubjectRulesReviewSpec{Namespace: "default"}}, metav1.CreateOptions{})
	t.ok(err)
	if !slices.ContainsFunc(r.Status.ResourceRules, func(r authorizationv1.ResourceRule) bool { return slices.Contains(r.Resources, "selfsubjectreviews") }) ||
		!slices.ContainsFunc(r.Status.NonResourceRules, func(r authorizationv1.NonResourceRule) bool { return slices.Contains(r.NonResourceURLs, "/healthz") }) {
		t.Errorf("got %v", r.Status)
	}
}

// grants checks that nobody gives away more than they have.
func (t actionTest) grants() {
	roles := t.client.RbacV1()
	editor := &user.DefaultInfo{Name: "editor", Groups: []string{user.AllAuthenticated}}
	rules := []rbacv1.PolicyRule{
		// Neither bind nor escalate.
		{Verbs: []string{"create", "update", "patch", "get", "delete"}, APIGroups: []string{rbacv1.GroupName}, Resources: []string{"roles", "rolebindings"}},
		{Verbs: []string{"get"}, APIGroups: []string{""}, Resources: []string{"pods"}},
	}
	_, err := roles.ClusterRoles().Create(t.Context(), &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "editor"}, Rules: rules}, metav1.CreateOptions{})
	t.ok(err)
	_, err = roles.ClusterRoleBindings().Create(t.Context(), &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "editor"},
		RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "editor"},
		Subjects: []rbacv1.Subject{{Kind: "User", APIGroup: rbacv1.GroupName, Name: "editor"}}}, metav1.CreateOptions{})
	t.ok(err)
	own := t.as(editor).RbacV1()
	role := func(name string, rules ...rbacv1.PolicyRule) *rbacv1.Role {
		return &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: rules}
	}
	for { // until the authorizer knows the binding
		_, err := own.Roles("default").Create(t.Context(), role("has"), metav1.CreateOptions{})
		if err == nil {
			break
		}
		if !apierrors.IsForbidden(err) {
			t.Fatal(err)
		}
	}
	_, err = own.Roles("default").Update(t.Context(), role("has", rules[1]), metav1.UpdateOptions{})
	t.ok(err)
	_, err = own.Roles("default").Create(t.Context(), role("wants", rbacv1.PolicyRule{Verbs: []string{"delete"}, APIGroups: []string{""}, Resources: []string{"pods"}}), metav1.CreateOptions{})
	t.refused("a role with more", err, metav1.StatusReasonForbidden, "attempting to grant RBAC permissions not currently held")
	binding := func(name, kind, role string) *rbacv1.RoleBinding {
		return &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Name: name}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: kind, Name: role},
			Subjects: []rbacv1.Subject{{Kind: "User", APIGroup: rbacv1.GroupName, Name: "friend"}}}
	}
	_, err = own.RoleBindings("default").Create(t.Context(), binding("has", "Role", "has"), metav1.CreateOptions{})
	t.ok(err)
	_, err = own.RoleBindings("default").Create(t.Context(), binding("wants", "ClusterRole", "cluster-admin"), metav1.CreateOptions{})
	t.refused("a binding to more", err, metav1.StatusReasonForbidden, "attempting to grant RBAC permissions not currently held")
	_, err = own.RoleBindings("default").Create(t.Context(), binding("none", "Role", "none"), metav1.CreateOptions{})
	t.refused("a binding to nothing", err, metav1.StatusReasonNotFound, "none")
	// Who may bind any role may do so before the role exists, as installers do.
	b := binding("root", "ClusterRole", "cluster-admin")
	b.Subjects[0].Name = "root"
	_, err = roles.RoleBindings("default").Create(t.Context(), b, metav1.CreateOptions{})
	t.ok(err)
	for { // until the authorizer knows the binding
		_, err := t.as(&user.DefaultInfo{Name: "root", Groups: []string{user.AllAuthenticated}}).RbacV1().RoleBindings("default").Create(t.Context(), binding("early", "Role", "later"), metav1.CreateOptions{})
		if err == nil {
			break
		}
		if !apierrors.IsForbidden(err) {
			t.Fatal(err)
		}
	}
}

func (t actionTest) namespaces() {
	namespaces := t.client.CoreV1().Namespaces()
	n, err := namespaces.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "going"}}, metav1.CreateOptions{})
	t.ok(err)
	if n.Labels["kubernetes.io/metadata.name"] != "going" || n.Status.Phase != corev1.NamespaceActive || !slices.Equal(n.Spec.Finalizers, []corev1.FinalizerName{"kubernetes"}) {
		t.Errorf("new: got %v", n)
	}
	n.Spec.Finalizers = nil
	if n, err = namespaces.Update(t.Context(), n, metav1.UpdateOptions{}); err != nil || len(n.Spec.Finalizers) != 1 {
		t.Errorf("an update took the finalizers: %v, %v", n.Spec, err)
	}
	other := n.UID + "x"
	t.refused("another namespace", namespaces.Delete(t.Context(), "going", metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &other}}), metav1.StatusReasonConflict, "UID")
	t.refused("a system namespace", namespaces.Delete(t.Context(), "kube-system", metav1.DeleteOptions{}), metav1.StatusReasonForbidden, "this namespace may not be deleted")
	t.ok(namespaces.Delete(t.Context(), "going", metav1.DeleteOptions{}))
	n, err = namespaces.Get(t.Context(), "going", metav1.GetOptions{})
	t.ok(err)
	if n.Status.Phase != corev1.NamespaceTerminating || n.DeletionTimestamp == nil {
		t.Errorf("deleted: got %v, %v", n.Status, n.DeletionTimestamp)
	}
	_, err = t.client.CoreV1().ConfigMaps("going").Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "a"}}, metav1.CreateOptions{})
	t.refused("something new", err, metav1.StatusReasonForbidden, "because it is being terminated")
	// A namespace has to outlive the report on its content.
	n.Status.Conditions = []corev1.NamespaceCondition{{Type: corev1.NamespaceContentRemaining, Status: corev1.ConditionTrue}}
	if n, err = namespaces.UpdateStatus(t.Context(), n, metav1.UpdateOptions{}); err != nil || len(n.Status.Conditions) != 1 {
		t.Fatalf("status: got %v, %v", n, err)
	}
	n.Labels["x"] = "y"
	n, err = namespaces.Update(t.Context(), n, metav1.UpdateOptions{})
	t.ok(err)
	if n, err = namespaces.Get(t.Context(), "going", metav1.GetOptions{}); err != nil {
		t.Fatalf("the namespace went with its finalizer: %v", err)
	}
	n.Spec.Finalizers = nil
	_, err = namespaces.Finalize(t.Context(), n, metav1.UpdateOptions{})
	t.ok(err)
	if _, err := namespaces.Get(t.Context(), "going", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("finalized: got %v", err)
	}
	_, err = t.client.CoreV1().ConfigMaps("none").Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "a"}}, metav1.CreateOptions{})
	t.refused("no namespace", err, metav1.StatusReasonNotFound, "none")
}

// get asks a subresource of a pod.
func (t actionTest) get(pod, subresource string, parameters map[string]string) error {
	r := t.client.CoreV1().RESTClient().Get().Namespace("default").Resource("pods").Name(pod).SubResource(subresource)
	for k, v := range parameters {
		r = r.Param(k, v)
	}
	return r.Do(t.Context()).Error()
}

func (t actionTest) streams() {
	t.pod("streams", "second")
	for _, stream := range []string{"exec", "attach"} {
		t.refused(stream+" of no pod", t.get("none", stream, nil), metav1.StatusReasonNotFound, "none")
		t.refused(stream+" of a pod without node", t.get("streams", stream, map[string]string{"container": "c"}), metav1.StatusReasonBadRequest, "does not have a host assigned")
	}
	// Who may only read the subresource may not use it: a client that speaks WebSocket begins with a GET.
	reader := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "stream-reader"}, Rules: []rbacv1.PolicyRule{
		{Verbs: []string{"get"}, APIGroups: []string{""}, Resources: []string{"pods/exec", "pods/attach", "pods/portforward"}}}}
	_, err := t.client.RbacV1().ClusterRoles().Create(t.Context(), reader, metav1.CreateOptions{})
	t.ok(err)
	_, err = t.client.RbacV1().ClusterRoleBindings().Create(t.Context(), &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "stream-reader"},
		RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "stream-reader"},
		Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "stream-reader"}}}, metav1.CreateOptions{})
	t.ok(err)
	jane := actionTest{t.T, t.api, t.as(&user.DefaultInfo{Name: "stream-reader", Groups: []string{user.AllAuthenticated}})}
	for _, stream := range []string{"exec", "attach", "portforward"} {
		says := fmt.Sprintf(`User "stream-reader" cannot create resource "pods/%s" in API group "" in the namespace "default"`, stream)
		t.eventually(func(err error) bool { return err != nil && strings.Contains(err.Error(), says) }, func() error { return jane.get("streams", stream, map[string]string{"container": "c"}) })
	}
	t.ok(t.bind("streams", "nowhere"))
	for _, stream := range []string{"exec", "attach"} {
		t.refused(stream+" of one of two", t.get("streams", stream, nil), metav1.StatusReasonBadRequest, "a container name must be specified for pod streams, choose one of: [c second]")
		t.refused(stream+" of another container", t.get("streams", stream, map[string]string{"container": "x"}), metav1.StatusReasonBadRequest, "container x is not valid for pod streams")
		t.refused(stream+" on a node that has gone", t.get("streams", stream, map[string]string{"container": "c"}), metav1.StatusReasonNotFound, "nowhere")
	}
}

func (t actionTest) logs() {
	t.pod("logs")
	if text, err := t.client.CoreV1().Pods("default").GetLogs("logs", &corev1.PodLogOptions{}).DoRaw(t.Context()); err != nil || len(text) > 0 {
		t.Errorf("a pod without node: got %q, %v", text, err)
	}
	t.refused("a negative count", t.get("logs", "log", map[string]string{"tailLines": "-1"}), metav1.StatusReasonInvalid, "tailLines")
	t.refused("no bytes", t.get("logs", "log", map[string]string{"limitBytes": "0"}), metav1.StatusReasonInvalid, "limitBytes")
	t.refused("two times", t.get("logs", "log", map[string]string{"sinceSeconds": "1", "sinceTime": "2026-01-01T00:00:00Z"}), metav1.StatusReasonInvalid, "at most one of")
	t.refused("another container", t.get("logs", "log", map[string]string{"container": "x"}), metav1.StatusReasonBadRequest, "container x is not valid")
}

func (t actionTest) proxies() {
	pod := t.pod("local")
	pod.Status.PodIP, pod.Status.PodIPs = "127.0.0.1", []corev1.PodIP{{IP: "127.0.0.1"}}
	_, err := t.client.CoreV1().Pods("default").UpdateStatus(t.Context(), pod, metav1.UpdateOptions{})
	t.ok(err)
	t.refused("a pod that is this machine", t.client.CoreV1().RESTClient().Get().Namespace("default").Resource("pods").Name("local:80").SubResource("proxy").Do(t.Context()).Error(),
		metav1.StatusReasonBadRequest, "address not allowed")
	_, err = t.client.CoreV1().Services("default").Create(t.Context(), service("empty"), metav1.CreateOptions{})
	t.ok(err)
	proxy := func(name string) error {
		return t.client.CoreV1().RESTClient().Get().Namespace("default").Resource("services").Name(name).SubResource("proxy").Do(t.Context()).Error()
	}
	t.refused("a service without endpoints", proxy("empty"), metav1.StatusReasonServiceUnavailable, `no endpoints available for service "empty"`)
	t.refused("a port that there is not", proxy("empty:x"), metav1.StatusReasonServiceUnavailable, `no service port "x" found`)
	t.refused("a name that is none", proxy("a:b:c:d"), metav1.StatusReasonBadRequest, "invalid service request")
}
