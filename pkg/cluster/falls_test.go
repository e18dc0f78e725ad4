package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	batch "k8s.io/api/batch/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/rest"

	"github.com/proa-sh/proa/pkg/cluster/control"
	"github.com/proa-sh/proa/pkg/cluster/crash"
	"github.com/proa-sh/proa/pkg/cluster/keeper"
	"github.com/proa-sh/proa/pkg/cluster/node"
	"github.com/proa-sh/proa/pkg/cluster/service"
	"github.com/proa-sh/proa/pkg/cluster/steps"
	"github.com/proa-sh/proa/pkg/controllermanager"
	"github.com/proa-sh/proa/pkg/controllers"
)

// lifeVariable names the directory of a server that this test program is in the place of.
const lifeVariable = "PROA_TEST_LIFE"

func TestMain(m *testing.M) {
	if dir := os.Getenv(lifeVariable); dir != "" {
		if err := life(dir); err != nil {
			panic(err)
		}
		os.Exit(0)
	}
	quickLooks()
	os.Exit(m.Run())
}

// planted makes a controller fall that writes.
type planted struct{ controller string }

func (p planted) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.Contains(r.URL.Path, "/events") {
		panic("planted in " + p.controller)
	}
	return nil, errors.New("refused")
}

// lifeState is what a life tells of itself.
type lifeState struct {
	Running []string
	Status  control.Status
}

// life is that of a server with all controllers, of which the one of jobs falls as soon as it has something to tell.
func life(dir string) error {
	env := &Environment{Service: &service.Service{Timeline: control.NewTimeline()}}
	env.lookBack(context.Background(), crash.New(dir, crashParts()))
	job := &batch.Job{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "poison", UID: "1"}, Spec: batch.JobSpec{
		Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"a": "b"}}, Parallelism: new(int32(1)), Completions: new(int32(1)), BackoffLimit: new(int32(6)),
		CompletionMode: new(batch.NonIndexedCompletion), Suspend: new(false), PodReplacementPolicy: new(batch.TerminatingOrFailed), ManualSelector: new(true),
		Template: v1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"a": "b"}}},
	}}
	factory := informers.NewSharedInformerFactory(fake.NewClientset(job), 0)
	manager, err := controllermanager.New(controllermanager.Config{
		Informers: factory, Controllers: env.selection(), Settings: controllers.DefaultSettings(),
		ClientFor: func(account string) *rest.Config {
			return &rest.Config{Host: "https://192.0.2.1", Transport: planted{account}, QPS: -1}
		},
	})
	if err != nil {
		return err
	}
	state := lifeState{Running: manager.Names()}
	env.describe(context.Background(), &state.Status)
	content, err := json.Marshal(state)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "state"), content, 0o600)
	}
	if err != nil {
		return err
	}
	ctx, stop := context.WithTimeout(context.Background(), 3*time.Second) // a life that nothing ends is long enough then
	defer stop()
	factory.StartWithContext(ctx)
	return manager.Run(ctx)
}

// TestOneControllerFalls again and again: it alone is left out, and is told of.
func TestOneControllerFalls(t *testing.T) {
	dir := t.TempDir()
	end, ran := "", ""
	var states []lifeState
	for number := 1; ; number++ {
		cmd := exec.CommandContext(t.Context(), "/proc/self/exe")
		cmd.Env = append(os.Environ(), lifeVariable+"="+dir)
		if end != "" {
			cmd.Env = append(cmd.Env, keeper.LastEnd+"="+end, keeper.Ran+"="+ran)
		}
		out, err := cmd.CombinedOutput()
		content, readErr := os.ReadFile(filepath.Join(dir, "state"))
		var state lifeState
		if err := errors.Join(readErr, json.Unmarshal(content, &state)); err != nil {
			t.Fatalf("life %d: %v\n%s", number, err, out)
		}
		states = append(states, state)
		if err == nil {
			break
		}
		if number > 3 {
			t.Fatalf("life %d falls too: %v\n%s", number, err, out)
		}
		end, ran = err.Error(), time.Second.String()
	}
	const culprit = "job-controller"
	if len(states) != 4 {
		t.Fatalf("%d lives until nothing fell", len(states))
	}
	last, all := states[3], states[0].Running
	if want := slices.DeleteFunc(slices.Clone(all), func(name string) bool { return name == culprit }); len(want) != len(all)-1 || !slices.Equal(want, last.Running) {
		t.Errorf("running are %v, want all but %s of %v", last.Running, culprit, all)
	}
	if got := last.Status.LeftOut; !slices.Equal(got, []string{StepControllers + "/" + culprit}) {
		t.Errorf("left out: %v", got)
	}
	for _, fall := range last.Status.Falls {
		if fall.Part != StepControllers+"/"+culprit || !strings.Contains(fall.Message, "planted in "+culprit) {
			t.Errorf("fall: %+v", fall)
		}
	}
	if len(last.Status.Falls) != 3 {
		t.Errorf("%d falls are told of", len(last.Status.Falls))
	}
}

// TestFailedController: one that gives up instead of falling is known by its error.
func TestFailedController(t *testing.T) {
	book := crash.New(t.TempDir(), crashParts())
	failure := &controllermanager.Failure{Controller: "job-controller", Err: errors.New("no memory")}
	if err := fell(failure, book); ExitStatus(err) != keeper.Fell {
		t.Errorf("exit status %d of %v", ExitStatus(err), err)
	}
	row, err := book.Collect("exit status 3", time.Second, time.Now())
	if err != nil || len(row) != 1 || row[0].Part != "controllers/job-controller" {
		t.Errorf("%+v, %v", row, err)
	}
}

// TestFellOnFullDisk: a part that falls again and again is left out, but not one that has no space on the disk, which is not its
// fault and ends by itself.
func TestFellOnFullDisk(t *testing.T) {
	for name, test := range map[string]struct {
		err     error
		leftOut bool
	}{
		"a fault of the part": {errors.New("cannot bear pod a"), true},
		"no space":            {&os.PathError{Op: "mkdir", Path: "/data/kubelet", Err: syscall.ENOSPC}, false},
		"no more quota":       {fmt.Errorf("write record: %w", syscall.EDQUOT), false},
	} {
		t.Run(name, func(t *testing.T) {
			book := crash.New(t.TempDir(), crashParts())
			for range 3 {
				err := fell(&steps.Error{Step: node.StepKubelet, Doing: "run", Err: test.err}, book)
				if !errors.Is(err, test.err) {
					t.Errorf("the error became %v", err)
				}
				if _, err := book.Collect("exit status 3", 0, time.Unix(1, 0)); err != nil {
					t.Fatal(err)
				}
			}
			row, err := book.Collect("", 0, time.Unix(1, 0))
			if err != nil {
				t.Fatal(err)
			}
			if _, out := crash.LeftOut(row)[node.StepKubelet]; out != test.leftOut {
				t.Errorf("left out: %t, want %t (%v)", out, test.leftOut, row)
			}
		})
	}
}
