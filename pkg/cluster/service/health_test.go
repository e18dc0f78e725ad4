package service

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
)

func TestAskAllWaitsForNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		got := askAll(t.Context(), map[string]func(context.Context) error{
			"good":   func(context.Context) error { return nil },
			"broken": func(context.Context) error { return errors.New("broken") },
			"slow":   func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
			"deaf":   func(context.Context) error { <-release; return nil },
		})
		close(release)
		want := map[string]string{"good": "", "broken": "broken", "slow": "it does not answer within 2s", "deaf": "it does not answer within 2s"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}
