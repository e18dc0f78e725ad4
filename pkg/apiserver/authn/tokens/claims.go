package tokens

import (
	"time"

	"github.com/go-jose/go-jose/v4/jwt"
)

// claims are what a token says.
type claims struct {
	jwt.Claims
	Kubernetes bound `json:"kubernetes.io"`
	legacy
}

// bound names what a token belongs to and is bound to.
type bound struct {
	Namespace      string           `json:"namespace,omitempty"`
	ServiceAccount ref              `json:"serviceaccount,omitzero"`
	Pod            *ref             `json:"pod,omitempty"`
	Secret         *ref             `json:"secret,omitempty"`
	Node           *ref             `json:"node,omitempty"`
	WarnAfter      *jwt.NumericDate `json:"warnafter,omitempty"`
}

type ref struct {
	Name string `json:"name,omitempty"`
	UID  string `json:"uid,omitempty"`
}

// Request is what a token is wanted for.
type Request struct {
	Namespace, ServiceAccount, ServiceAccountUID string
	Audiences                                    []string
	// Lifetime of the token.
	Lifetime time.Duration
	// WarnAfter, if not 0, is the age from which use of the token is reported, for tokens that live longer than asked for.
	WarnAfter time.Duration
	// At most one of Pod and Secret; Node may stand alone or with Pod.
	Pod, Secret, Node *Object
}

// Object is what a token is bound to.
type Object struct{ Name, UID string }

func (o *Object) ref() *ref {
	if o == nil {
		return nil
	}
	return &ref{Name: o.Name, UID: o.UID}
}
