package volumes

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	authenticationv1 "k8s.io/api/authentication/v1"
	v1 "k8s.io/api/core/v1"
)

func TestTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var requests []authenticationv1.TokenRequestSpec
		fail := false
		w := &world{token: func(r *authenticationv1.TokenRequest) (string, error) {
			if fail {
				return "", errors.New("server is away")
			}
			requests = append(requests, r.Spec)
			return fmt.Sprintf("t%d", len(requests)), nil
		}}
		tokens, pod := newTokens(w), podWith()
		get := func(audience string) string {
			t.Helper()
			token, err := tokens.get(t.Context(), pod, audience, pointer[int64](1000))
			if err != nil {
				t.Fatal(err)
			}
			return token
		}
		expect := func(when, got, want string) {
			t.Helper()
			if got != want {
				t.Errorf("%s: token %s, want %s", when, got, want)
			}
		}
		start := time.Now()
		expect("first", get(""), "t1")
		expect("again", get(""), "t1")
		expect("other audience", get("vault"), "t2")
		wantSpec := authenticationv1.TokenRequestSpec{
			Audiences: []string{"vault"}, ExpirationSeconds: pointer[int64](1000),
			BoundObjectRef: &authenticationv1.BoundObjectReference{Kind: "Pod", APIVersion: "v1", Name: "p", UID: "uid-1"},
		}
		if diff := cmp.Diff(wantSpec, requests[1]); diff != "" {
			t.Errorf("request (-want +got):\n%s", diff)
		}
		if due, ok := tokens.next(pod.UID); !ok || due.Sub(start) > 800*time.Second || due.Sub(start) < 790*time.Second {
			t.Errorf("renewal is due after %s, %v; want 800 s less jitter", due.Sub(start), ok)
		}
		<-time.After(789 * time.Second)
		expect("before 80 %", get(""), "t1")
		<-time.After(11 * time.Second)
		fail = true
		ask := func() {
			expect("while the server is away", get(""), "t1")
			expect("while the server is away", get("vault"), "t2")
		}
		ask()
		if asked := asksUntilExpiry(t, tokens, pod, ask); asked < 3 || asked > 12 {
			t.Errorf("%d attempts in 200 s, want about 5 for each token: 5, 15, 35, 75, 155 s after the first", asked)
		}
		if token, err := tokens.get(t.Context(), pod, "", pointer[int64](1000)); err == nil {
			t.Errorf("expired token %s was given out", token)
		}
		fail = false
		expect("renewed", get(""), "t3")
		tokens.forget(pod.UID)
		expect("after forget", get(""), "t4")
	})
}

// asksUntilExpiry plays what a pod worker does while renewals fail: it asks again whenever the next renewal is due.
func asksUntilExpiry(t *testing.T, tokens *tokens, pod *v1.Pod, ask func()) (asked int) {
	t.Helper()
	end := time.Now().Add(201 * time.Second)
	for {
		due, ok := tokens.next(pod.UID)
		if !ok || time.Until(due) <= 0 {
			t.Fatalf("after a failure the next renewal is due in %s, %v", time.Until(due), ok)
		}
		if due.After(end) || asked > 100 {
			<-time.After(time.Until(end))
			return asked
		}
		<-time.After(time.Until(due))
		if time.Now().Before(end.Add(-time.Second)) {
			asked++
			ask()
		}
	}
}

func TestTokenOfNoLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{token: func(r *authenticationv1.TokenRequest) (string, error) {
			r.Spec.ExpirationSeconds = pointer[int64](0)
			return "t", nil
		}}
		tokens, pod := newTokens(w), podWith()
		if _, err := tokens.get(t.Context(), pod, "", nil); err != nil {
			t.Fatal(err)
		}
		if due, ok := tokens.next(pod.UID); !ok || time.Until(due) < time.Second {
			t.Errorf("a token that expires at once is renewed in %s, want a pause", time.Until(due))
		}
	})
}

func TestRenewAfter(t *testing.T) {
	for _, tc := range []struct{ life, jitter, want time.Duration }{
		{time.Hour, 0, 48 * time.Minute},
		{time.Hour, 10 * time.Second, 48*time.Minute - 10*time.Second},
		{365 * 24 * time.Hour, 0, 24 * time.Hour},
		{10 * time.Second, 10 * time.Second, 7 * time.Second},
	} {
		if got := renewAfter(tc.life, tc.jitter); got != tc.want {
			t.Errorf("renewAfter(%s, %s) = %s, want %s", tc.life, tc.jitter, got, tc.want)
		}
	}
}
