package serviceaccounttoken

import (
	"bytes"

	v1 "k8s.io/api/core/v1"
)

// observed is what a plan is made from. Nothing in it is modified.
type observed struct {
	// account is nil when there is none of that name.
	account *v1.ServiceAccount
	// secrets are those that name the account.
	secrets []*v1.Secret
	// ca is the bundle for clients in PEM; empty if there is none.
	ca []byte
}

// outcome is what a plan asks for.
type outcome struct {
	// fill are Secrets that lack something, with all of it but the token.
	fill []*v1.Secret
	// remove are Secrets of accounts that have gone.
	remove []*v1.Secret
}

// plan decides about the Secrets of one account's name.
func plan(o observed) outcome {
	var out outcome
	for _, secret := range o.secrets {
		uid := secret.Annotations[v1.ServiceAccountUIDKey]
		switch {
		case secret.DeletionTimestamp != nil:
		case o.account == nil, uid != "" && uid != string(o.account.UID):
			out.remove = append(out.remove, secret)
		case uid == "" || !o.complete(secret):
			out.fill = append(out.fill, o.filled(secret))
		}
	}
	return out
}

// complete says whether a Secret has all that it should hold.
func (o observed) complete(secret *v1.Secret) bool {
	return len(secret.Data[v1.ServiceAccountTokenKey]) > 0 && len(secret.Data[v1.ServiceAccountNamespaceKey]) > 0 &&
		(len(o.ca) == 0 || bytes.Equal(secret.Data[v1.ServiceAccountRootCAKey], o.ca))
}

// filled is the Secret with what it should hold. What somebody else has written as its namespace or token stays.
func (o observed) filled(secret *v1.Secret) *v1.Secret {
	secret = secret.DeepCopy()
	secret.Annotations[v1.ServiceAccountUIDKey] = string(o.account.UID)
	if secret.Data == nil {
		secret.Data = map[string][]byte{}
	}
	if len(o.ca) > 0 {
		secret.Data[v1.ServiceAccountRootCAKey] = o.ca
	}
	if len(secret.Data[v1.ServiceAccountNamespaceKey]) == 0 {
		secret.Data[v1.ServiceAccountNamespaceKey] = []byte(secret.Namespace)
	}
	return secret
}
