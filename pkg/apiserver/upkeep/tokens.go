package upkeep

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	informers "k8s.io/client-go/informers/core/v1"
	"k8s.io/client-go/tools/cache"
)

// The ConfigMap that says since when this cluster notes which tokens of Secrets are used: who deletes unused ones must not
// look further back (KEP-2799).
const (
	trackingName = "kube-apiserver-legacy-service-account-token-tracking"
	trackingKey  = "since" // a day, as in 2006-01-02, of UTC
)

// trackingInformer watches just that ConfigMap.
func (c *Config) trackingInformer() cache.SharedIndexInformer {
	return informers.NewFilteredConfigMapInformer(c.Client, metav1.NamespaceSystem, 0, cache.Indexers{}, func(o *metav1.ListOptions) {
		o.FieldSelector = fields.OneTermEqualSelector(metav1.ObjectNameField, trackingName).String()
	})
}

// keepTokenTracking keeps that day. One that cannot be read, or is still to come, becomes today.
func (c *Config) keepTokenTracking(ctx context.Context) (time.Duration, error) {
	// It is in a namespace of the system.
	if _, err := c.keepNamespaces(ctx); err != nil {
		return 0, err
	}
	maps, today := c.Client.CoreV1().ConfigMaps(metav1.NamespaceSystem), c.Now().UTC().Format(time.DateOnly)
	m, err := maps.Get(ctx, trackingName, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		_, err := maps.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: trackingName}, Data: map[string]string{trackingKey: today}}, metav1.CreateOptions{})
		return 0, created("config map", trackingName, err)
	}
	if err != nil {
		return 0, fmt.Errorf("read config map %q: %w", trackingName, err)
	}
	if _, err := time.Parse(time.DateOnly, m.Data[trackingKey]); err == nil && m.Data[trackingKey] <= today {
		return 0, nil
	}
	m.Data = map[string]string{trackingKey: today}
	if _, err := maps.Update(ctx, m, metav1.UpdateOptions{}); err != nil {
		return 0, fmt.Errorf("write config map %q: %w", trackingName, err)
	}
	return 0, nil
}
