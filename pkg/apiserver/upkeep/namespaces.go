package upkeep

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// namespaces are those of the system.
func namespaces() []string {
	return []string{metav1.NamespaceSystem, metav1.NamespacePublic, corev1.NamespaceNodeLease, metav1.NamespaceDefault}
}

func (c *Config) keepNamespaces(ctx context.Context) (time.Duration, error) {
	g, ctx := group(ctx)
	for _, name := range namespaces() {
		g.Go(func() error { return c.ensureNamespace(ctx, name) })
	}
	return 0, g.Wait()
}

func (c *Config) ensureNamespace(ctx context.Context, name string) error {
	if _, err := c.Informers.Core().V1().Namespaces().Lister().Get(name); err == nil {
		return nil
	}
	_, err := c.Client.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
	return created("namespace", name, err)
}
