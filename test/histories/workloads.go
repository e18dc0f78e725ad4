package histories

// workload is something that the walk creates, changes and deletes.
type workload struct {
	target  string
	object  string
	patches []string
	// whole is deleted with all that it has: what an orphan leaves behind is nobody's.
	whole bool
}

// nodes are those that a DaemonSet has pods on.
const nodes = `
kind: Namespace
metadata: {name: ns}
---
kind: Node
metadata: {name: node-1}
---
kind: Node
metadata: {name: node-2}
---
kind: Node
metadata: {name: node-3, labels: {daemons: "no"}}
`

var workloads = []workload{
	{target: "deployments/web", object: `
kind: Deployment
metadata: {name: web, namespace: ns}
spec:
  replicas: 3
  strategy: {rollingUpdate: {maxSurge: 1, maxUnavailable: 1}}
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: c, image: i}]
`, patches: []string{
		`{"spec": {"replicas": 1}}`, `{"spec": {"replicas": 4}}`, `{"spec": {"template": {"metadata": {"annotations": {"v": "1"}}}}}`,
		`{"spec": {"template": {"metadata": {"annotations": {"v": "2"}}}}}`, `{"spec": {"paused": true}}`, `{"spec": {"paused": false}}`,
	}},
	{target: "statefulsets/db", whole: true, object: `
kind: StatefulSet
metadata: {name: db, namespace: ns}
spec:
  replicas: 3
  serviceName: db
  selector: {matchLabels: {app: db}}
  persistentVolumeClaimRetentionPolicy: {whenScaled: Delete, whenDeleted: Delete}
  template:
    metadata: {labels: {app: db}}
    spec:
      containers: [{name: c, image: i}]
  volumeClaimTemplates:
  - metadata: {name: data}
    spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
`, patches: []string{
		`{"spec": {"replicas": 1}}`, `{"spec": {"replicas": 4}}`, `{"spec": {"template": {"metadata": {"annotations": {"v": "1"}}}}}`,
		`{"spec": {"template": {"metadata": {"annotations": {"v": "2"}}}}}`,
	}},
	{target: "statefulsets/parallel", object: `
kind: StatefulSet
metadata: {name: parallel, namespace: ns}
spec:
  replicas: 2
  podManagementPolicy: Parallel
  selector: {matchLabels: {app: parallel}}
  template:
    metadata: {labels: {app: parallel}}
    spec:
      containers: [{name: c, image: i}]
`, patches: []string{`{"spec": {"replicas": 1}}`, `{"spec": {"replicas": 3}}`, `{"spec": {"template": {"metadata": {"annotations": {"v": "1"}}}}}`}},
	{target: "daemonsets/agent", object: `
kind: DaemonSet
metadata: {name: agent, namespace: ns}
spec:
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec:
      affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: daemons, operator: DoesNotExist}]}]}}}
      containers: [{name: c, image: i}]
`, patches: []string{`{"spec": {"template": {"metadata": {"annotations": {"v": "1"}}}}}`, `{"spec": {"template": {"metadata": {"annotations": {"v": "2"}}}}}`}},
	{target: "jobs/work", object: `
kind: Job
metadata: {name: work, namespace: ns}
spec:
  parallelism: 3
  completions: 5
  backoffLimit: 4
  template:
    spec:
      restartPolicy: Never
      containers: [{name: c, image: i}]
`, patches: []string{`{"spec": {"parallelism": 1}}`, `{"spec": {"parallelism": 4}}`, `{"spec": {"suspend": true}}`, `{"spec": {"suspend": false}}`}},
	{target: "jobs/parts", object: `
kind: Job
metadata: {name: parts, namespace: ns}
spec:
  completionMode: Indexed
  parallelism: 2
  completions: 4
  backoffLimitPerIndex: 1
  template:
    spec:
      restartPolicy: Never
      containers: [{name: c, image: i}]
`, patches: []string{`{"spec": {"parallelism": 1}}`, `{"spec": {"parallelism": 4}}`, `{"spec": {"suspend": true}}`, `{"spec": {"suspend": false}}`}},
	{target: "poddisruptionbudgets/web", object: `
kind: PodDisruptionBudget
metadata: {name: web, namespace: ns}
spec:
  maxUnavailable: 1
  selector: {matchLabels: {app: web}}
`, patches: []string{`{"spec": {"maxUnavailable": 0}}`, `{"spec": {"maxUnavailable": "50%"}}`}},
}
