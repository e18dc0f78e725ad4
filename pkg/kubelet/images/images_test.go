package images

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	cri "k8s.io/cri-api/pkg/apis"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// service is an image service with a registry behind it.
type service struct {
	cri.ImageManagerService
	mu sync.Mutex
	// present are the images on the node, registry those that can be pulled, by the user who may; guarded by mu.
	present  map[string]bool
	registry map[string]string
	pulls    int
	slow     time.Duration
}

func (s *service) ImageStatus(_ context.Context, spec *runtimeapi.ImageSpec, _ bool) (*runtimeapi.ImageStatusResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.present[spec.Image] {
		return &runtimeapi.ImageStatusResponse{}, nil
	}
	return &runtimeapi.ImageStatusResponse{Image: &runtimeapi.Image{Id: spec.Image, Size: 42, Uid: &runtimeapi.Int64Value{Value: 7}}}, nil
}

func (s *service) PullImage(ctx context.Context, spec *runtimeapi.ImageSpec, auth *runtimeapi.AuthConfig, _ *runtimeapi.PodSandboxConfig) (string, error) {
	if s.slow > 0 {
		select {
		case <-time.After(s.slow):
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pulls++
	user, ok := s.registry[spec.Image]
	if !ok || user != auth.GetUsername() {
		return "", errors.New("not found or not allowed")
	}
	s.present[spec.Image] = true
	return spec.Image, nil
}

// secrets is an API with one pull secret.
type secrets struct{}

func (secrets) Secret(_ context.Context, _, name string) (*v1.Secret, error) {
	if name != "pull" {
		return nil, apierrors.NewNotFound(v1.Resource("secrets"), name)
	}
	config := fmt.Sprintf(`{"auths":{"private.example":{"auth":%q}}}`, base64.StdEncoding.EncodeToString([]byte("jane:secret")))
	return &v1.Secret{Type: v1.SecretTypeDockerConfigJson, Data: map[string][]byte{v1.DockerConfigJsonKey: []byte(config)}}, nil
}

func TestEnsure(t *testing.T) {
	for _, tc := range []struct {
		name, image string
		policy      v1.PullPolicy
		secrets     []string
		want        string
		events      []string
	}{
		{"present", "here", v1.PullIfNotPresent, nil, "", []string{`Normal Pulled Container image "here" already present on machine and can be accessed by the pod`}},
		{"absent", "public", v1.PullIfNotPresent, nil, "", []string{`Normal Pulling Pulling image "public"`, `Normal Pulled Successfully pulled image "public" in 0s (0s including waiting). Image size: 42 bytes.`}},
		{"always", "here", v1.PullAlways, nil, ReasonPull, []string{`Normal Pulling Pulling image "here"`, `Warning Failed Failed to pull image "here": not found or not allowed`, `Warning Failed Error: ErrImagePull`}},
		{"never", "public", v1.PullNever, nil, ReasonNeverPull, []string{`Warning ErrImageNeverPull Container image "public" is not present with pull policy of Never`}},
		{"bad name", "UPPER:x y", v1.PullAlways, nil, ReasonInvalidName, []string{`Warning InspectFailed Failed to apply default image tag "UPPER:x y": couldn't parse image name "UPPER:x y": invalid reference format`}},
		{"secret", "private.example/app:1", v1.PullAlways, []string{"none", "pull"}, "", []string{
			`Normal Pulling Pulling image "private.example/app:1"`,
			`Warning FailedToRetrieveImagePullSecret Unable to retrieve some image pull secrets (none); attempting to pull the image may not succeed.`,
			`Normal Pulled Successfully pulled image "private.example/app:1" in 0s (0s including waiting). Image size: 42 bytes.`}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var events []string
				m := New(Config{
					CRI:     &service{present: map[string]bool{"here": true}, registry: map[string]string{"public": "", "private.example/app:1": "jane"}},
					Secrets: secrets{},
					Event: func(_ *v1.Pod, _, eventType, reason, message string) {
						events = append(events, eventType+" "+reason+" "+message)
					},
				})
				pod := &v1.Pod{}
				for _, s := range tc.secrets {
					pod.Spec.ImagePullSecrets = append(pod.Spec.ImagePullSecrets, v1.LocalObjectReference{Name: s})
				}
				image, err := m.Ensure(context.Background(), Request{Pod: pod, Container: "c", Image: tc.image, Policy: tc.policy})
				var fault *Error
				switch {
				case tc.want == "" && (err != nil || image.Ref != tc.image || *image.UID != 7):
					t.Errorf("got %+v, %v", image, err)
				case tc.want != "" && (!errors.As(err, &fault) || fault.Reason != tc.want):
					t.Errorf("got %v, want %s", err, tc.want)
				}
				if diff := cmp.Diff(tc.events, events); diff != "" {
					t.Errorf("events (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// TestPullsAreShared: many containers of one image cause one pull, and the bound on parallel pulls holds.
func TestPullsAreShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{present: map[string]bool{}, registry: map[string]string{"a": "", "b": ""}, slow: time.Second}
		m := New(Config{CRI: s, Secrets: secrets{}, Event: func(*v1.Pod, string, string, string, string) {}, MaxParallel: 1})
		began := time.Now()
		var wg sync.WaitGroup
		for _, image := range []string{"a", "a", "a", "b"} {
			wg.Go(func() {
				if _, err := m.Ensure(t.Context(), Request{Pod: &v1.Pod{}, Image: image, Policy: v1.PullAlways}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if s.pulls != 2 || time.Since(began) != 2*time.Second {
			t.Errorf("%d pulls in %v; want one of each image, one after the other", s.pulls, time.Since(began))
		}
	})
}

func TestKeyring(t *testing.T) {
	k := &Keyring{}
	config := `{"auths":{
		"https://index.docker.io/v1/":{"username":"hub","password":"p"},
		"*.example.org":{"username":"wild","password":"p"},
		"reg.example.org/team":{"username":"team","password":"p"},
		"other.org:5000":{"username":"port","password":"p"}}}`
	if err := k.Add([]byte(config), false); err != nil {
		t.Fatal(err)
	}
	for image, want := range map[string]string{
		"nginx": "hub", "docker.io/library/nginx:1": "hub", "reg.example.org/x": "wild", "reg.example.org/team/app": "team wild",
		"reg.example.org/teams": "wild", "other.org/x": "", "other.org:5000/x": "port", "a.b.example.org/x": "",
	} {
		var users []string
		for _, a := range k.Find(image) {
			users = append(users, a.Username)
		}
		if got := strings.Join(users, " "); got != want {
			t.Errorf("credentials for %s: %q, want %q", image, got, want)
		}
	}
	if err := k.Add([]byte(`{"auths": "secret"}`), false); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("a broken file gives %v; it must fail without quoting", err)
	}
}

func TestPlanRemoval(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	old := func(first, last time.Duration) use { return use{now.Add(-first), now.Add(-last)} }
	images := []candidate{
		{id: "used", size: 10, inUse: true, use: old(time.Hour, 0)},
		{id: "pinned", size: 10, pinned: true, use: old(time.Hour, time.Hour)},
		{id: "young", size: 10, use: old(time.Minute, time.Minute)},
		{id: "older", size: 10, use: old(5*time.Hour, 4*time.Hour)},
		{id: "oldest", size: 10, use: old(9*time.Hour, 9*time.Hour)},
	}
	policy := GCPolicy{MinAge: 2 * time.Minute}
	for need, want := range map[uint64][]string{0: nil, 1: {"oldest"}, 11: {"oldest", "older"}, 1000: {"oldest", "older"}} {
		if diff := cmp.Diff(want, planRemoval(images, need, policy, now)); diff != "" {
			t.Errorf("need %d (-want +got):\n%s", need, diff)
		}
	}
	policy.MaxAge = 6 * time.Hour
	if diff := cmp.Diff([]string{"oldest"}, planRemoval(images, 0, policy, now)); diff != "" {
		t.Errorf("by age (-want +got):\n%s", diff)
	}
	if got := excessBytes(1000, 100, GCPolicy{High: 85, Low: 80}); got != 100 {
		t.Errorf("excess %d, want 100: from 900 used to 800", got)
	}
	if got := excessBytes(1000, 200, GCPolicy{High: 85, Low: 80}); got != 0 {
		t.Errorf("excess %d below the threshold", got)
	}
}
