package apps

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/proa-sh/proa/staging/apirules/internal/rulestest"
)

func TestFuzz(t *testing.T) {
	rulestest.Fuzz(t, rulestest.Rules[appsv1.Deployment]{Normalize: NormalizeDeployment, Default: SetDeploymentDefaults,
		Validate: ValidateDeployment, Warnings: DeploymentWarnings,
		Update: []func(_, _ *appsv1.Deployment) field.ErrorList{ValidateDeploymentUpdate, ValidateDeploymentStatusUpdate}})
	rulestest.Fuzz(t, rulestest.Rules[appsv1.ReplicaSet]{Normalize: NormalizeReplicaSet, Default: SetReplicaSetDefaults,
		Validate: ValidateReplicaSet, Warnings: ReplicaSetWarnings,
		Update: []func(_, _ *appsv1.ReplicaSet) field.ErrorList{ValidateReplicaSetUpdate, ValidateReplicaSetStatusUpdate}})
	rulestest.Fuzz(t, rulestest.Rules[appsv1.DaemonSet]{Normalize: NormalizeDaemonSet, Default: SetDaemonSetDefaults,
		Validate: ValidateDaemonSet, Warnings: DaemonSetWarnings, Prepare: []func(_, _ *appsv1.DaemonSet){PrepareDaemonSet},
		Update: []func(_, _ *appsv1.DaemonSet) field.ErrorList{ValidateDaemonSetUpdate, ValidateDaemonSetStatusUpdate}})
	rulestest.Fuzz(t, rulestest.Rules[appsv1.StatefulSet]{Normalize: NormalizeStatefulSet, Default: SetStatefulSetDefaults,
		Validate: ValidateStatefulSet, Warnings: StatefulSetWarnings,
		Update: []func(_, _ *appsv1.StatefulSet) field.ErrorList{ValidateStatefulSetUpdate, ValidateStatefulSetStatusUpdate}})
	rulestest.Fuzz(t, rulestest.Rules[appsv1.ControllerRevision]{Validate: ValidateControllerRevision,
		Update: []func(_, _ *appsv1.ControllerRevision) field.ErrorList{ValidateControllerRevisionUpdate}})
}
