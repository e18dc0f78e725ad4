package registry

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/registry/rest"
)

func addComponentStatuses(_ context.Context, d *Dependencies, served Served) error {
	namespaces, err := d.store("", "namespaces")
	if err != nil {
		return err
	}
	served.add("", "v1", "componentstatuses", &componentStatuses{
		map[string]func(context.Context) error{"etcd-0": func(context.Context) error { return namespaces.ReadinessCheckFunc() }}})
	return nil
}

// componentStatuses serves the deprecated resource of that name: whether the server's storage answers. Other components
// have health endpoints of their own.
type componentStatuses struct {
	checks map[string]func(context.Context) error
}

func (c *componentStatuses) New() runtime.Object     { return &corev1.ComponentStatus{} }
func (c *componentStatuses) NewList() runtime.Object { return &corev1.ComponentStatusList{} }
func (c *componentStatuses) Destroy()                {}
func (c *componentStatuses) NamespaceScoped() bool   { return false }
func (c *componentStatuses) GetSingularName() string { return "componentstatus" }
func (c *componentStatuses) ShortNames() []string    { return []string{"cs"} }

func (c *componentStatuses) Get(ctx context.Context, name string, _ *metav1.GetOptions) (runtime.Object, error) {
	check, ok := c.checks[name]
	if !ok {
		return nil, apierrors.NewNotFound(corev1.Resource("componentstatuses"), name)
	}
	s := statusOf(ctx, name, check)
	return &s, nil
}

func (c *componentStatuses) List(ctx context.Context, o *internalversion.ListOptions) (runtime.Object, error) {
	out := &corev1.ComponentStatusList{}
	for name, check := range c.checks {
		if o != nil && o.FieldSelector != nil && !o.FieldSelector.Matches(fields.Set{"metadata.name": name}) {
			continue
		}
		out.Items = append(out.Items, statusOf(ctx, name, check))
	}
	return out, nil
}

func statusOf(ctx context.Context, name string, check func(context.Context) error) corev1.ComponentStatus {
	condition := corev1.ComponentCondition{Type: corev1.ComponentHealthy, Status: corev1.ConditionTrue, Message: "ok"}
	if err := check(ctx); err != nil {
		condition.Status, condition.Message, condition.Error = corev1.ConditionFalse, "", fmt.Sprint(err)
	}
	return corev1.ComponentStatus{ObjectMeta: metav1.ObjectMeta{Name: name}, Conditions: []corev1.ComponentCondition{condition}}
}

// ConvertToTable shows each component's health.
func (c *componentStatuses) ConvertToTable(_ context.Context, obj, options runtime.Object) (*metav1.Table, error) {
	table := &metav1.Table{}
	if o, ok := options.(*metav1.TableOptions); !ok || !o.NoHeaders {
		table.ColumnDefinitions = []metav1.TableColumnDefinition{
			{Name: "Name", Type: "string", Format: "name", Description: metav1.ObjectMeta{}.SwaggerDoc()["name"]},
			{Name: "Status", Type: "string", Description: "Status of the component conditions"},
			{Name: "Message", Type: "string", Description: "Message of the component conditions"},
			{Name: "Error", Type: "string", Description: "Error of the component conditions"},
		}
	}
	addRow := func(s *corev1.ComponentStatus) {
		health, message, fault := "Unknown", "", ""
		for _, c := range s.Conditions {
			if c.Type == corev1.ComponentHealthy {
				health, message, fault = "Unhealthy", c.Message, c.Error
				if c.Status == corev1.ConditionTrue {
					health = "Healthy"
				}
			}
		}
		table.Rows = append(table.Rows, metav1.TableRow{Cells: []any{s.Name, health, message, fault}, Object: runtime.RawExtension{Object: s}})
	}
	switch o := obj.(type) {
	case *corev1.ComponentStatus:
		addRow(o)
	case *corev1.ComponentStatusList:
		for i := range o.Items {
			addRow(&o.Items[i])
		}
	default:
		return nil, fmt.Errorf("make table of component statuses: got a %T", obj)
	}
	return table, nil
}

var _ rest.TableConvertor = (*componentStatuses)(nil)
