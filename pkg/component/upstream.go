package component

// OneVersion are the flags of programs that can behave as older releases do. Ours are of one.
func OneVersion() Table {
	only := Refused("this is Kubernetes 1.36 and no other").But("", "1.36", "kube=1.36")
	return Table{"emulated-version": only, "min-compatibility-version": only}
}

// ClientLimits are the flags that limit and shape the requests of a program.
func ClientLimits() Table {
	limit := NoEffect("requests are not limited at the client; the API server shares itself out fairly")
	return Table{
		"kube-api-qps": limit, "kube-api-burst": limit,
		"kube-api-content-type": NoEffect("the client speaks protobuf, and JSON where the API server wants it").But("", "application/vnd.kubernetes.protobuf"),
	}
}

// Merge puts tables together.
func Merge(tables ...Table) Table {
	all := Table{}
	for _, table := range tables {
		for name, treatment := range table {
			all[name] = treatment
		}
	}
	return all
}
