package server

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/proxy"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/cri-streaming/pkg/streaming/remotecommand"
	"k8s.io/klog/v2"
)

// runTimeout bounds a command of /run.
const runTimeout = 2 * time.Minute

// stdio is which streams the client asks for.
type stdio struct{ stdin, stdout, stderr, tty bool }

func streamsOf(query url.Values) (stdio, error) {
	asked := func(name string) bool {
		value := query.Get(name)
		return value == "1" || value == "true"
	}
	s := stdio{
		stdin: asked(v1.ExecStdinParam), stdout: asked(v1.ExecStdoutParam), stderr: asked(v1.ExecStderrParam), tty: asked(v1.ExecTTYParam),
	}
	if s.tty {
		s.stderr = false // A terminal has one output.
	}
	if !s.stdin && !s.stdout && !s.stderr {
		return s, apierrors.NewBadRequest("you must specify at least 1 of stdin, stdout, stderr")
	}
	return s, nil
}

// serveExec runs a command in a container with its streams connected to the client.
func (s *Server) serveExec(w http.ResponseWriter, r *http.Request) {
	id, streams, err := s.streamTarget(r)
	if err != nil {
		writeError(w, err, http.StatusInternalServerError)
		return
	}
	if streams.stdin && !streams.tty && s.cfg.Exec != nil {
		remotecommand.ServeExec(w, r, s.cfg.Exec, r.PathValue("pod"), "", id, r.URL.Query()[v1.ExecCommandParam],
			&remotecommand.Options{Stdin: streams.stdin, Stdout: streams.stdout, Stderr: streams.stderr},
			s.cfg.IdleTimeout, streamCreation, remotecommand.SupportedStreamingProtocols)
		return
	}
	answer, err := s.cfg.Runtime.Exec(r.Context(), &runtimeapi.ExecRequest{
		ContainerId: id, Cmd: r.URL.Query()[v1.ExecCommandParam],
		Stdin: streams.stdin, Stdout: streams.stdout, Stderr: streams.stderr, Tty: streams.tty,
	})
	s.relay(w, r, answer.GetUrl(), err)
}

func (s *Server) streamTarget(r *http.Request) (string, stdio, error) {
	streams, err := streamsOf(r.URL.Query())
	if err != nil {
		return "", streams, err
	}
	pod, err := s.podOf(r)
	if err != nil {
		return "", streams, err
	}
	id, err := s.runningID(pod, r.PathValue("container"))
	return id, streams, err
}

// servePortForward connects the client to ports of a pod.
func (s *Server) servePortForward(w http.ResponseWriter, r *http.Request) {
	pod, err := s.podOf(r)
	if err != nil {
		writeError(w, err, http.StatusNotFound)
		return
	}
	ports, err := portsOf(r.URL.Query())
	if err != nil {
		writeError(w, err, http.StatusBadRequest)
		return
	}
	sandboxes, err := s.cfg.Runtime.ListPodSandbox(r.Context(), &runtimeapi.PodSandboxFilter{
		LabelSelector: map[string]string{labelUID: string(pod.UID)},
		State:         &runtimeapi.PodSandboxStateValue{State: runtimeapi.PodSandboxState_SANDBOX_READY},
	})
	if err != nil {
		http.Error(w, "list sandboxes of pod: "+err.Error(), http.StatusInternalServerError)
		return
	}
	if len(sandboxes) == 0 {
		http.Error(w, fmt.Sprintf("pod %s/%s has no running sandbox", pod.Namespace, pod.Name), http.StatusNotFound)
		return
	}
	answer, err := s.cfg.Runtime.PortForward(r.Context(), &runtimeapi.PortForwardRequest{PodSandboxId: sandboxes[0].GetId(), Port: ports})
	s.relay(w, r, answer.GetUrl(), err)
}

// portsOf reads the ports of a WebSocket request; SPDY names them in its streams.
func portsOf(query url.Values) ([]int32, error) {
	var ports []int32
	for _, list := range query[v1.PortHeader] {
		for text := range strings.SplitSeq(list, ",") {
			port, err := strconv.ParseUint(text, 10, 16)
			if err != nil || port == 0 {
				return nil, apierrors.NewBadRequest(fmt.Sprintf("unable to parse %q as a port", text))
			}
			ports = append(ports, int32(port))
		}
	}
	return ports, nil
}

// relay hands the connection to the runtime's streaming server, whose address the client never learns.
func (s *Server) relay(w http.ResponseWriter, r *http.Request, address string, err error) {
	if err != nil {
		writeError(w, err, http.StatusInternalServerError)
		return
	}
	location, err := urlOf(address)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	// What the caller proved its identity with is nobody's business but ours.
	request := r.Clone(r.Context())
	request.Header.Del("Authorization")
	handler := proxy.NewUpgradeAwareHandler(location, nil, false, true, relayErrors{})
	handler.RejectForwardingRedirects = true
	handler.ServeHTTP(w, request)
}

func urlOf(address string) (*url.URL, error) {
	location, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("parse streaming address of the runtime: %w", err)
	}
	return location, nil
}

// relayErrors tells the client why the runtime could not be reached.
type relayErrors struct{}

func (relayErrors) Error(w http.ResponseWriter, r *http.Request, err error) {
	klog.FromContext(r.Context()).V(2).Info("Relaying a stream failed", "err", err, "path", r.URL.Path)
	writeError(w, err, http.StatusInternalServerError)
}

// serveRun runs a command in a container and answers with what it printed.
func (s *Server) serveRun(w http.ResponseWriter, r *http.Request) {
	pod, err := s.podOf(r)
	if err != nil {
		writeError(w, err, http.StatusNotFound)
		return
	}
	id, err := s.runningID(pod, r.PathValue("container"))
	if err != nil {
		writeError(w, err, http.StatusNotFound)
		return
	}
	command := strings.Fields(r.URL.Query().Get("cmd"))
	if len(command) == 0 {
		http.Error(w, "cmd must name a command", http.StatusBadRequest)
		return
	}
	stdout, stderr, err := s.cfg.Runtime.ExecSync(r.Context(), id, command, runTimeout)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	// The client may have gone; there is nobody to tell.
	_, _ = w.Write(append(stdout, stderr...))
}
