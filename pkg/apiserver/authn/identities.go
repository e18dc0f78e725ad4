package authn

import (
	"context"
	"sync"

	"github.com/google/uuid"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/user"
)

// Identities are the users in the server's own process, each known by a token that is never written anywhere. It is an
// authenticator.Token.
type Identities struct {
	mu    sync.RWMutex
	users map[string]user.Info
}

// NewIdentities returns a set of no users.
func NewIdentities() *Identities { return &Identities{users: map[string]user.Info{}} }

// Add returns the token of a new identity.
func (i *Identities) Add(u user.Info) (token string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	token = uuid.NewString()
	i.users[token] = u
	return token
}

// AuthenticateToken answers whose token it is.
func (i *Identities) AuthenticateToken(_ context.Context, token string) (*authenticator.Response, bool, error) {
	i.mu.RLock()
	defer i.mu.RUnlock()
	u, ok := i.users[token]
	if !ok {
		return nil, false, nil
	}
	return &authenticator.Response{User: u}, true, nil
}
