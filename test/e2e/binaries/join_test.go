package binaries

import (
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"

	certificates "k8s.io/api/certificates/v1"
	v1 "k8s.io/api/core/v1"
	rbac "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The token by which nodes join.
const (
	tokenID     = "abcdef"
	tokenSecret = "0123456789abcdef"
	joinGroup   = "system:bootstrappers:kubeadm:default-node-token"
)

// allowJoin makes what `kubeadm init` makes so that nodes can join: a token, and the right to ask for client certificates,
// the first of which and whose renewals are approved by themselves.
func (c *cluster) allowJoin() {
	c.t.Helper()
	ctx := c.t.Context()
	_, err := c.admin.CoreV1().Secrets("kube-system").Create(ctx, &v1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "bootstrap-token-" + tokenID}, Type: "bootstrap.kubernetes.io/token",
		StringData: map[string]string{
			"token-id": tokenID, "token-secret": tokenSecret, "auth-extra-groups": joinGroup, "usage-bootstrap-authentication": "true",
		},
	}, metav1.CreateOptions{})
	if err != nil {
		c.t.Fatal(err)
	}
	for role, group := range map[string]string{
		"system:node-bootstrapper": joinGroup,
		"system:certificates.k8s.io:certificatesigningrequests:nodeclient":     joinGroup,
		"system:certificates.k8s.io:certificatesigningrequests:selfnodeclient": "system:nodes",
	} {
		_, err := c.admin.RbacV1().ClusterRoleBindings().Create(ctx, &rbac.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{GenerateName: "kubeadm:"},
			RoleRef:    rbac.RoleRef{APIGroup: rbac.GroupName, Kind: "ClusterRole", Name: role},
			Subjects:   []rbac.Subject{{APIGroup: rbac.GroupName, Kind: rbac.GroupKind, Name: group}},
		}, metav1.CreateOptions{})
		if err != nil {
			c.t.Fatal(err)
		}
	}
	ca, err := os.ReadFile(c.ca.certFile)
	if err != nil {
		c.t.Fatal(err)
	}
	write(c.t, c.path("bootstrap-kubelet.conf"), kubeconfig(server, base64.StdEncoding.EncodeToString(ca), "token: "+tokenID+"."+tokenSecret))
}

// approveServing approves the kubelet's serving certificate, which people have to do.
func (c *cluster) approveServing() {
	c.t.Helper()
	requests := c.admin.CertificatesV1().CertificateSigningRequests()
	c.eventually("the request of a serving certificate", func(ctx context.Context) error {
		list, err := requests.List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		for i := range list.Items {
			request := &list.Items[i]
			if request.Spec.SignerName != certificates.KubeletServingSignerName || request.Spec.Username != "system:node:"+nodeName {
				continue
			}
			if len(request.Status.Certificate) > 0 {
				return nil
			}
			if len(request.Status.Conditions) == 0 {
				request.Status.Conditions = []certificates.CertificateSigningRequestCondition{{
					Type: certificates.CertificateApproved, Status: v1.ConditionTrue, Reason: "Test", Message: "approved by the test",
				}}
				if _, err := requests.UpdateApproval(ctx, request.Name, request, metav1.UpdateOptions{}); err != nil {
					return err
				}
			}
			return fmt.Errorf("request %s is not signed yet: %v", request.Name, request.Status.Conditions)
		}
		return fmt.Errorf("none among %d requests", len(list.Items))
	})
}

// checkJoined: the kubelet works with a certificate that the cluster has signed for it.
func (c *cluster) checkJoined() {
	c.t.Helper()
	pair := filepath.Join(c.path("kubelet/pki"), "kubelet-client-current.pem")
	if _, err := os.Stat(pair); err != nil {
		c.t.Errorf("client certificate: %v", err)
	}
	client, _ := c.client(c.path("kubelet.conf"))
	if _, err := client.CoreV1().Nodes().Get(c.t.Context(), nodeName, metav1.GetOptions{}); err != nil {
		c.t.Errorf("use the kubeconfig that the kubelet has written: %v", err)
	}
}
