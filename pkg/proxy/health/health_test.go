package health

import (
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/proa-sh/proa/pkg/proxy/model"
	"k8s.io/apimachinery/pkg/types"
)

func TestProxier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewProxier(time.Minute)
		expect := func(what string, healthz, livez int) {
			t.Helper()
			for path, want := range map[string]int{"/healthz": healthz, "/livez": livez} {
				recorder := httptest.NewRecorder()
				p.Handler().ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, path, nil))
				if recorder.Code != want {
					t.Errorf("%s: %s answers %d, want %d", what, path, recorder.Code, want)
				}
				body := map[string]any{}
				if err := json.Unmarshal(recorder.Body.Bytes(), &body); err != nil {
					t.Errorf("%s: %s: %v", what, path, err)
				}
				for _, field := range []string{"lastUpdated", "currentTime"} {
					if text, ok := body[field].(string); !ok || text == "" {
						t.Errorf("%s: %s has no field %s: %v", what, path, field, body)
					}
				}
				if _, has := body["nodeEligible"].(bool); has != (path == "/healthz") {
					t.Errorf("%s: %s: field nodeEligible is there: %v", what, path, has)
				}
			}
		}
		expect("not started", 503, 503)
		p.Queued()
		expect("first change waits", 503, 503)
		p.Taken()
		p.Written()
		expect("first change written", 200, 200)

		p.Queued()
		<-time.After(59 * time.Second)
		expect("waits not too long", 200, 200)
		p.Queued()
		<-time.After(time.Second)
		expect("oldest waits too long", 503, 503)
		p.Taken()
		expect("is still being written", 503, 503)
		p.Written()
		expect("written", 200, 200)

		p.Queued()
		p.Taken()
		p.Queued()
		p.Written()
		<-time.After(time.Minute)
		expect("came while another was written", 503, 503)
		p.Taken()
		p.Written()

		p.SetNodeLeaving(true)
		expect("node is leaving", 503, 200)
		p.SetNodeLeaving(false)
		expect("node stays", 200, 200)
	})
}

// freePort is a port that was free a moment ago.
func freePort(t *testing.T) uint16 {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return netip.MustParseAddrPort(listener.Addr().String()).Port()
}

func TestServices(t *testing.T) {
	ctx, healthy := t.Context(), true
	services := NewServices(func() bool { return healthy })
	defer services.Close()
	services.SetAddresses([]netip.Addr{netip.MustParseAddr("127.0.0.1")})
	name := types.NamespacedName{Namespace: "ns", Name: "web"}
	port := freePort(t)
	set := func(endpoints int) {
		t.Helper()
		if err := services.Set(ctx, name, &model.HealthCheck{Service: name, Port: port, LocalEndpoints: endpoints}); err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range []struct {
		what      string
		endpoints int
		healthy   bool
		want      int
	}{
		{"none local", 0, true, 503},
		{"two local", 2, true, 200},
		{"proxy is ill", 2, false, 503},
		{"one local", 1, true, 200},
	} {
		set(step.endpoints)
		healthy = step.healthy
		response, err := http.Get("http://127.0.0.1:" + strconv.Itoa(int(port)) + "/anything")
		if err != nil {
			t.Fatal(err)
		}
		var body struct {
			Service             struct{ Namespace, Name string }
			LocalEndpoints      int
			ServiceProxyHealthy bool
		}
		if err := json.NewDecoder(response.Body).Decode(&body); err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != step.want {
			t.Errorf("%s: got %d, want %d", step.what, response.StatusCode, step.want)
		}
		got := []any{body.Service.Namespace, body.Service.Name, body.LocalEndpoints, body.ServiceProxyHealthy,
			response.Header.Get("X-Load-Balancing-Endpoint-Weight")}
		if diff := cmp.Diff([]any{"ns", "web", step.endpoints, step.healthy, strconv.Itoa(step.endpoints)}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step.what, diff)
		}
	}
	// Another port, then none.
	old := port
	port = freePort(t)
	set(1)
	if _, err := net.Dial("tcp", "127.0.0.1:"+strconv.Itoa(int(old))); err == nil {
		t.Error("the former port is still open")
	}
	if err := services.Set(ctx, name, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := net.Dial("tcp", "127.0.0.1:"+strconv.Itoa(int(port))); err == nil {
		t.Error("the port is still open")
	}
}

func TestServicesPortInUse(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	services := NewServices(func() bool { return true })
	defer services.Close()
	services.SetAddresses([]netip.Addr{netip.MustParseAddr("127.0.0.1")})
	name := types.NamespacedName{Namespace: "ns", Name: "web"}
	check := &model.HealthCheck{Service: name, Port: netip.MustParseAddrPort(listener.Addr().String()).Port(), LocalEndpoints: 1}
	if err := services.Set(t.Context(), name, check); err == nil {
		t.Error("no error for a port in use")
	}
	_ = listener.Close()
	if err := services.Set(t.Context(), name, check); err != nil {
		t.Errorf("second try: %v", err)
	}
}
