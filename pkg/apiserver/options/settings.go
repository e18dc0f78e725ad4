package options

import "github.com/proa-sh/proa/pkg/component"

// Accepted says what becomes of upstream's flags that the server does not heed; there is no configuration file.
func (o *Options) Accepted() component.Settings {
	return component.Settings{Flags: component.Merge(identityFlags(), otherFlags())}
}

func identityFlags() component.Table {
	oidc := component.Refused("OpenID Connect is not supported yet; use --authentication-token-webhook-config-file")
	return component.Table{
		"authentication-config":            component.Refused("the structured configuration is not supported yet; use the flags"),
		"authorization-config":             component.Refused("the structured configuration is not supported yet; use the flags"),
		"authorization-policy-file":        component.Refused("the mode ABAC is not supported; use RBAC"),
		"oidc-ca-file":                     oidc,
		"oidc-client-id":                   oidc,
		"oidc-groups-claim":                oidc,
		"oidc-groups-prefix":               oidc,
		"oidc-issuer-url":                  oidc,
		"oidc-required-claim":              oidc,
		"oidc-signing-algs":                oidc,
		"oidc-username-claim":              oidc,
		"oidc-username-prefix":             oidc,
		"service-account-lookup":           component.NoEffect("the objects that a token is bound to are always looked up").Switch().But("true"),
		"service-account-signing-endpoint": component.Refused("tokens are signed by --service-account-signing-key-file"),
	}
}

func otherFlags() component.Table {
	coordinated := component.NoEffect("coordinated leader election is off, as by default in 1.36")
	peers := component.NoEffect("requests are not passed on to servers of other versions, as by default in 1.36")
	return component.Table{
		"admission-control":                     component.Refused("name the plugins by --enable-admission-plugins and --disable-admission-plugins"),
		"coordinated-leadership-lease-duration": coordinated,
		"coordinated-leadership-renew-deadline": coordinated,
		"coordinated-leadership-retry-period":   coordinated,
		"enable-logs-handler":                   component.NoEffect("the logs of the machine are not served").Switch(),
		"kubernetes-service-node-port":          component.Refused("the Service kubernetes is of type ClusterIP"),
		"peer-advertise-ip":                     peers,
		"peer-advertise-port":                   peers,
		"peer-ca-file":                          peers,
	}
}
