package upkeep

import (
	"context"
	"fmt"
	"time"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/proa-sh/proa/pkg/apiserver/bootstrap"
)

// keepFlowControl makes the default priority levels and flow schemas and keeps their specs up to date, those of the
// mandatory ones always, and of others as their annotation says (kubernetes.io/docs/concepts/cluster-administration/flow-control,
// "Maintenance of the mandatory and suggested configuration objects").
func (c *Config) keepFlowControl(ctx context.Context) (time.Duration, error) {
	f, err := bootstrap.DefaultFlowControl()
	if err != nil {
		return 0, err
	}
	g, ctx := group(ctx)
	for i := range f.PriorityLevels {
		g.Go(func() error { return c.ensurePriorityLevel(ctx, &f.PriorityLevels[i]) })
	}
	for i := range f.FlowSchemas {
		g.Go(func() error { return c.ensureFlowSchema(ctx, &f.FlowSchemas[i]) })
	}
	return 0, g.Wait()
}

func (c *Config) ensurePriorityLevel(ctx context.Context, want *flowcontrolv1.PriorityLevelConfiguration) error {
	levels := c.Client.FlowcontrolV1().PriorityLevelConfigurations()
	_, err := levels.Create(ctx, want.DeepCopy(), metav1.CreateOptions{})
	if !apierrors.IsAlreadyExists(err) {
		return created("priority level", want.Name, err)
	}
	old, err := levels.Get(ctx, want.Name, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("read priority level %q: %w", want.Name, err)
	}
	spec := want.Spec.DeepCopy()
	if spec.Exempt != nil && old.Spec.Exempt != nil {
		spec.Exempt = old.Spec.Exempt // administrators tune how much the exempt level lends
	}
	annotated, update := updated(&old.ObjectMeta)
	if update && !apiequality.Semantic.DeepEqual(old.Spec, *spec) {
		old.Spec = *spec
	} else if !annotated {
		return nil
	}
	if _, err := levels.Update(ctx, old, metav1.UpdateOptions{}); err != nil {
		return fmt.Errorf("bring priority level %q up to date: %w", want.Name, err)
	}
	return nil
}

func (c *Config) ensureFlowSchema(ctx context.Context, want *flowcontrolv1.FlowSchema) error {
	schemas := c.Client.FlowcontrolV1().FlowSchemas()
	_, err := schemas.Create(ctx, want.DeepCopy(), metav1.CreateOptions{})
	if !apierrors.IsAlreadyExists(err) {
		return created("flow schema", want.Name, err)
	}
	old, err := schemas.Get(ctx, want.Name, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("read flow schema %q: %w", want.Name, err)
	}
	annotated, update := updated(&old.ObjectMeta)
	if update && !apiequality.Semantic.DeepEqual(old.Spec, want.Spec) {
		old.Spec = *want.Spec.DeepCopy()
	} else if !annotated {
		return nil
	}
	if _, err := schemas.Update(ctx, old, metav1.UpdateOptions{}); err != nil {
		return fmt.Errorf("bring flow schema %q up to date: %w", want.Name, err)
	}
	return nil
}

// updated decides whether the object's spec is the server's, and sets the annotation that says so; annotated tells whether
// it did. Without annotation the spec is the server's until somebody changes it, which counts the generation up.
func updated(m *metav1.ObjectMeta) (annotated, update bool) {
	const key = flowcontrolv1.AutoUpdateAnnotationKey
	want := "true"
	if !mandatory(m.Name) {
		switch value := m.Annotations[key]; {
		case value == "true":
		case value == "false" || m.Generation > 1:
			want = "false"
		}
	}
	if m.Annotations[key] != want {
		metav1.SetMetaDataAnnotation(m, key, want)
		annotated = true
	}
	return annotated, want == "true"
}

// mandatory objects are needed by the server itself.
func mandatory(name string) bool {
	return name == flowcontrolv1.PriorityLevelConfigurationNameExempt || name == flowcontrolv1.PriorityLevelConfigurationNameCatchAll
}
