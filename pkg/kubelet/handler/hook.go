package handler

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"
)

// RunHook carries out a life-cycle hook until it ends or ctx does. Only that a request was answered counts, not its status
// code (the documented behaviour of hooks).
func RunHook(ctx context.Context, h *v1.LifecycleHandler, t Target, exec Exec) error {
	switch {
	case h.Exec != nil:
		return hookExec(ctx, h.Exec.Command, t, exec)
	case h.HTTPGet != nil:
		return hookHTTP(ctx, h.HTTPGet, t)
	case h.Sleep != nil:
		timer := time.NewTimer(time.Duration(h.Sleep.Seconds) * time.Second)
		defer timer.Stop()
		select {
		case <-timer.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return errors.New("invalid handler: the hook names no action that kubelets carry out")
}

func hookExec(ctx context.Context, command []string, t Target, exec Exec) error {
	var timeout time.Duration
	if deadline, ok := ctx.Deadline(); ok {
		timeout = time.Until(deadline)
	}
	stdout, stderr, err := exec(ctx, t.ContainerID, command, timeout)
	if err != nil {
		return fmt.Errorf("exec lifecycle hook (%v) for container %q: %w: %q", command, t.Container.Name, err, string(stdout)+string(stderr))
	}
	return nil
}

func hookHTTP(ctx context.Context, a *v1.HTTPGetAction, t Target) error {
	req, err := HTTPRequest(ctx, a, t)
	if err != nil {
		return err
	}
	client := HTTPClient(0)
	resp, err := client.Do(req)
	// Old pods name HTTPS for servers that speak HTTP; hooks fall back (documented since 1.26).
	if err != nil && a.Scheme == v1.URISchemeHTTPS && strings.Contains(err.Error(), "server gave HTTP response to HTTPS client") {
		plain := req.Clone(ctx)
		plain.URL.Scheme = "http"
		plain.Header.Del("Authorization")
		resp, err = client.Do(plain)
	}
	if err != nil {
		return err
	}
	return resp.Body.Close()
}
