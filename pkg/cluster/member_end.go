package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/klog/v2"

	"github.com/proa-sh/proa/pkg/cluster/control"
	"github.com/proa-sh/proa/pkg/cluster/machine"
	"github.com/proa-sh/proa/pkg/cluster/process"
)

// powerOff ends the machine at once and takes away what it leaves on the host.
func (m *member) powerOff(ctx context.Context) error {
	bounded, cancel := context.WithTimeout(ctx, killWithin)
	defer cancel()
	// What is frozen ends only when its cgroup is undone.
	err := machine.CutPower(bounded, m.node.Mark)
	if undone := m.changes().Undo(ctx); undone != nil {
		return fmt.Errorf("clean up after node %s: %w", m.record.Name, errors.Join(err, undone))
	}
	m.mu.Lock()
	first := m.first
	m.mu.Unlock()
	m.ended(first)
	return nil
}

// killWithin is far more than the kernel needs to end the processes of a machine.
const killWithin = 3 * time.Second

// shutDown has the agent end the pods in good order, and returns when the machine is off. When now is closed it does not wait for
// the time that pods may take. What the agent tells of the pods is told of the cluster.
func (m *member) shutDown(ctx context.Context, now <-chan struct{}) error {
	first, running, err := machine.Find(m.node.Mark)
	if err != nil || !running {
		return err
	}
	client := control.NewClient(m.node.ControlSocket())
	err = client.Stop(ctx, control.How{Pods: true})
	if errors.Is(err, control.ErrNotRunning) {
		return fmt.Errorf("end the pods of node %s in good order: its agent does not run", m.record.Name)
	}
	if err != nil {
		return fmt.Errorf("ask node %s to end: %w", m.record.Name, err)
	}
	following, ended := context.WithCancel(ctx)
	var beside sync.WaitGroup
	beside.Go(func() { m.hurry(following, client, now) })
	beside.Go(func() { m.passOn(following, client) })
	err = process.Wait(ctx, first)
	ended()
	beside.Wait()
	return err
}

// hurry tells the agent when nobody waits for pods any more.
func (m *member) hurry(ctx context.Context, client *control.Client, now <-chan struct{}) {
	select {
	case <-now:
	case <-ctx.Done():
		return
	}
	if err := client.Stop(ctx, control.How{Pods: true, Now: true}); err != nil && ctx.Err() == nil && !errors.Is(err, control.ErrNotRunning) {
		klog.FromContext(ctx).Error(err, "A node could not be told to end at once", "node", m.record.Name)
	}
}

// passOn tells what the agent tells of the end of pods.
func (m *member) passOn(ctx context.Context, client *control.Client) {
	stopping := false
	// That nobody can be followed any more means that it has ended.
	_ = client.Follow(ctx, func(message control.Message) bool {
		stopping = stopping || message.Phase == control.Stopping
		if stopping && message.Note != "" {
			m.fleet.parts.env.Timeline.NoteOf(m.record.Name+": "+message.Note, message.Takes)
		}
		return true
	})
}

// remove takes the node out of the cluster and removes its data.
func (m *member) remove(ctx context.Context) error {
	if err := m.powerOff(ctx); err != nil {
		return err
	}
	p, name := m.fleet.parts, m.record.Name
	client, err := p.client("system:proa:nodes", "system:masters")
	if err != nil {
		return err
	}
	if err := client.CoreV1().Nodes().Delete(ctx, name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete node %s from the API: %w", name, err)
	}
	if err := deletePods(ctx, client, name); err != nil {
		return err
	}
	err = p.env.Config.forget(name)
	if _, known := os.Stat(p.env.Config.recordFile(name)); known == nil {
		return err
	}
	m.fleet.mu.Lock()
	delete(m.fleet.members, name)
	m.fleet.mu.Unlock()
	p.env.Check(m.step(), nil)
	return err
}

// deletePods deletes the pods of a node that is gone, without waiting for anybody to say that they have ended.
func deletePods(ctx context.Context, client kubernetes.Interface, node string) error {
	pods, err := client.CoreV1().Pods(metav1.NamespaceAll).List(ctx, metav1.ListOptions{FieldSelector: "spec.nodeName=" + node})
	if err != nil {
		return fmt.Errorf("list pods of node %s: %w", node, err)
	}
	for _, pod := range pods.Items {
		options := metav1.NewPreconditionDeleteOptions(string(pod.UID))
		options.GracePeriodSeconds = new(int64)
		err := client.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name, *options)
		if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
			return fmt.Errorf("delete pod %s/%s of node %s: %w", pod.Namespace, pod.Name, node, err)
		}
	}
	return nil
}
