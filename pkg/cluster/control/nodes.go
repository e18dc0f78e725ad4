package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
)

// Nodes does things with the nodes of a cluster. Each returns when it is done, or has failed.
type Nodes interface {
	// Add makes a node that is to have the name, or any if it is empty, and returns the name when the node is ready.
	Add(ctx context.Context, name string) (string, error)
	// Start brings back a node that was stopped and returns when it is ready.
	Start(ctx context.Context, name string) error
	// Stop ends a node as a power cut does.
	Stop(ctx context.Context, name string) error
	// Delete ends a node with its pods and removes it with its data.
	Delete(ctx context.Context, name string) error
	// Report is told by a node that all its parts work, or, with a fault, that it has ended, and why.
	Report(name, fault string)
}

// What can be done with a node.
const (
	AddNode    = "add"
	StartNode  = "start"
	StopNode   = "stop"
	DeleteNode = "delete"
	reportNode = "report"
)

// result is the answer to an action.
type result struct {
	Name  string `json:"name"`
	Fault string `json:"fault,omitempty"`
}

// Node has something done with a node, returns when it is done, and gives the node's name.
func (c *Client) Node(ctx context.Context, action, name string) (string, error) {
	return c.node(ctx, action, url.Values{"name": {name}})
}

// ReportNode tells the cluster that all parts of a node work, or, with a fault, that it has ended, and why.
func (c *Client) ReportNode(ctx context.Context, name, fault string) error {
	_, err := c.node(ctx, reportNode, url.Values{"name": {name}, "fault": {fault}})
	return err
}

func (c *Client) node(ctx context.Context, action string, query url.Values) (string, error) {
	body, err := c.do(ctx, http.MethodPost, "/nodes/"+action+"?"+query.Encode())
	if err != nil {
		return "", err
	}
	defer body.Close()
	var answer result
	if err := json.NewDecoder(body).Decode(&answer); err != nil {
		return "", fmt.Errorf("read answer of proa: %w", err)
	}
	if answer.Fault != "" {
		return "", errors.New(answer.Fault)
	}
	return answer.Name, nil
}

func (s *Server) node(w http.ResponseWriter, r *http.Request) {
	answer := result{Name: r.URL.Query().Get("name")}
	if err := s.act(r, &answer); err != nil {
		answer.Fault = err.Error()
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

func (s *Server) act(r *http.Request, answer *result) (err error) {
	if s.Nodes == nil {
		return errors.New("this process has no nodes to do anything with")
	}
	switch action := r.PathValue("action"); action {
	case AddNode:
		answer.Name, err = s.Nodes.Add(r.Context(), answer.Name)
		return err
	case StartNode:
		return s.Nodes.Start(r.Context(), answer.Name)
	case StopNode:
		return s.Nodes.Stop(r.Context(), answer.Name)
	case DeleteNode:
		return s.Nodes.Delete(r.Context(), answer.Name)
	case reportNode:
		s.Nodes.Report(answer.Name, r.URL.Query().Get("fault"))
		return nil
	default:
		return fmt.Errorf("nothing called %q can be done with a node", action)
	}
}
