package volumes

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"
)

const (
	// maxTokenAge is how long a token is used at most, however long it is valid.
	maxTokenAge = 24 * time.Hour
	// maxTokenJitter is by how much renewals are brought forward at most, so that tokens of pods that started together
	// are not renewed together.
	maxTokenJitter = 10 * time.Second
	// minTokenPause and maxTokenPause are how long a renewal waits after one that failed, at first and at most.
	minTokenPause = 5 * time.Second
	maxTokenPause = 2 * time.Minute
)

// tokens keeps the service account tokens of pods: one for each pod and audience, renewed at 80 % of its life. It holds
// no more than the pods on the node ask for; forget drops those of a pod that is gone.
type tokens struct {
	source TokenSource

	mu   sync.Mutex
	held map[types.UID]map[tokenKey]heldToken // guarded by mu
}

type tokenKey struct {
	audience string
	seconds  int64
}

type heldToken struct {
	token string
	// renew is when a new one is asked for; it is in the future whenever the token has just been got or asked for in vain.
	renew, expires time.Time
	// pause is the wait after the last renewal that failed; zero before any.
	pause time.Duration
}

// failed is the token after a renewal that failed: it is asked for again after a pause that doubles, with a tenth of chance so
// that the pods of a node do not ask together.
func (h heldToken) failed(now time.Time) heldToken {
	h.pause = min(max(2*h.pause, minTokenPause), maxTokenPause)
	h.renew = now.Add(h.pause + rand.N(h.pause/10))
	return h
}

func newTokens(source TokenSource) *tokens {
	return &tokens{source: source, held: map[types.UID]map[tokenKey]heldToken{}}
}

// get returns a token for the audience, bound to the pod. When a renewal fails, the token at hand serves until it
// expires, and the next one is tried after a pause.
func (t *tokens) get(ctx context.Context, pod *v1.Pod, audience string, seconds *int64) (string, error) {
	key := tokenKey{audience: audience}
	if seconds != nil {
		key.seconds = *seconds
	}
	t.mu.Lock()
	held, ok := t.held[pod.UID][key]
	t.mu.Unlock()
	now := time.Now()
	if ok && now.Before(held.renew) && now.Before(held.expires) {
		return held.token, nil
	}
	fresh, err := t.request(ctx, pod, audience, seconds)
	if err != nil {
		if ok && now.Before(held.expires) {
			held = held.failed(time.Now())
			t.keep(pod.UID, key, held)
			klog.FromContext(ctx).Error(err, "Renewing a service account token failed; the present one is used until it expires",
				"pod", klog.KObj(pod), "expires", held.expires, "again", held.renew)
			return held.token, nil
		}
		return "", err
	}
	t.keep(pod.UID, key, fresh)
	return fresh.token, nil
}

func (t *tokens) keep(uid types.UID, key tokenKey, token heldToken) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.held[uid] == nil {
		t.held[uid] = map[tokenKey]heldToken{}
	}
	t.held[uid][key] = token
}

func (t *tokens) request(ctx context.Context, pod *v1.Pod, audience string, seconds *int64) (heldToken, error) {
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{
		ExpirationSeconds: seconds,
		BoundObjectRef:    &authenticationv1.BoundObjectReference{APIVersion: "v1", Kind: "Pod", Name: pod.Name, UID: pod.UID},
	}}
	if audience != "" {
		request.Spec.Audiences = []string{audience}
	}
	asked := time.Now()
	answer, err := t.source.Token(ctx, pod.Namespace, pod.Spec.ServiceAccountName, request)
	if err != nil {
		return heldToken{}, fmt.Errorf("request token for service account %s/%s: %w", pod.Namespace, pod.Spec.ServiceAccountName, err)
	}
	if answer.Status.Token == "" {
		return heldToken{}, errors.New("token request was answered without a token")
	}
	life := time.Until(answer.Status.ExpirationTimestamp.Time)
	if s := answer.Spec.ExpirationSeconds; s != nil {
		// The life that was granted counts from our own clock, so that a clock that differs from the server's neither
		// makes renewals late nor constant.
		life = time.Duration(*s) * time.Second
	}
	// A server that grants next to no life is not asked again at once.
	return heldToken{
		token:   answer.Status.Token,
		renew:   asked.Add(max(renewAfter(life, rand.N(maxTokenJitter)), minTokenPause)),
		expires: asked.Add(life),
	}, nil
}

// renewAfter is the age at which a token of this life is renewed.
func renewAfter(life, jitter time.Duration) time.Duration {
	return min(life*8/10, maxTokenAge) - min(jitter, life/10)
}

// next is the earliest renewal due among the pod's tokens; one that is going to expire before is due then.
func (t *tokens) next(uid types.UID) (time.Time, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now, earliest := time.Now(), time.Time{}
	for _, held := range t.held[uid] {
		due := held.renew
		if held.expires.After(now) && held.expires.Before(due) {
			due = held.expires
		}
		if earliest.IsZero() || due.Before(earliest) {
			earliest = due
		}
	}
	return earliest, !earliest.IsZero()
}

// forget drops the tokens of a pod.
func (t *tokens) forget(uid types.UID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.held, uid)
}
