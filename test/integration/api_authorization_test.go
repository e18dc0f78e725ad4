package integration

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/client-go/kubernetes"

	"github.com/proa-sh/proa/pkg/apiserver/options"
	"github.com/proa-sh/proa/test/cluster"
)

// TestGrantsWithoutRBAC lets a webhook decide what users may do. What they may grant is bounded by roles all the same.
func TestGrantsWithoutRBAC(t *testing.T) {
	webhook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		review := &authorizationv1.SubjectAccessReview{}
		if err := json.NewDecoder(r.Body).Decode(review); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		// All but the verbs that lift the bounds.
		a := review.Spec.ResourceAttributes
		review.Status.Allowed = a == nil || a.Verb != "escalate" && a.Verb != "bind"
		if err := json.NewEncoder(w).Encode(review); err != nil {
			t.Error(err)
		}
	}))
	defer webhook.Close()
	file := filepath.Join(t.TempDir(), "webhook.conf")
	kubeconfig := fmt.Sprintf("apiVersion: v1\nkind: Config\ncurrent-context: c\ncontexts: [{name: c, context: {cluster: c, user: u}}]\nclusters: [{name: c, cluster: {server: %s}}]\nusers: [{name: u}]\n", webhook.URL)
	if err := os.WriteFile(file, []byte(kubeconfig), 0o600); err != nil {
		t.Fatal(err)
	}
	api := cluster.StartAPI(t, func(o *options.Options) {
		o.Authorization.Modes = []string{options.ModeWebhook}
		o.Authorization.Webhook.ConfigFile, o.Authorization.Webhook.Version = file, "v1"
	})
	client, err := kubernetes.NewForConfig(api.Server.ClientConfig(&user.DefaultInfo{Name: "jane", Groups: []string{user.AllAuthenticated}}))
	if err != nil {
		t.Fatal(err)
	}
	roles := client.RbacV1().Roles("default")
	if _, err := roles.List(t.Context(), metav1.ListOptions{}); err != nil {
		t.Fatalf("the webhook does not decide: %v", err)
	}
	_, err = roles.Create(t.Context(), &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Name: "r"}, Rules: []rbacv1.PolicyRule{
		{Verbs: []string{"get"}, APIGroups: []string{""}, Resources: []string{"secrets"}}}}, metav1.CreateOptions{})
	if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "attempting to grant RBAC permissions not currently held") {
		t.Errorf("a role with more than the user's roles: got %v", err)
	}
}
