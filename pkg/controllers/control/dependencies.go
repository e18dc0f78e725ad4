package control

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// Key names the object that is reconciled.
type Key = reconcile.Request

// Result says when a key wants to be reconciled again without an event.
type Result = reconcile.Result

// Sooner is the shorter of two times until the next look, where 0 means never.
func Sooner(a, b time.Duration) time.Duration {
	if a <= 0 || (b > 0 && b < a) {
		return max(b, 0)
	}
	return a
}

// KeyOf makes a Key. namespace is empty for cluster-wide kinds.
func KeyOf(namespace, name string) Key {
	return Key{NamespacedName: types.NamespacedName{Namespace: namespace, Name: name}}
}

// KeyOfCached makes a Key from an informer's key ("namespace/name" or "name").
func KeyOfCached(key string) Key {
	namespace, name, err := cache.SplitMetaNamespaceKey(key)
	if err != nil {
		return KeyOf("", key)
	}
	return KeyOf(namespace, name)
}

// Dependencies are what one controller is given. All fields are required but REST, which only controllers need that
// handle kinds unknown at compile time.
type Dependencies struct {
	// Name is the controller's name, as in the list of all controllers.
	Name string
	// Informers are shared by the whole process. Objects from them are read-only.
	Informers informers.SharedInformerFactory
	// Client has the controller's own identity.
	Client kubernetes.Interface
	// REST is the connection that Client was made from.
	REST *rest.Config
	// Recorder emits events in the name of the controller.
	Recorder record.EventRecorder
	// Workers is how many keys are reconciled at the same time; at least 1.
	Workers int
}

// Controller runs until its context ends. Run returns nil then, after all that it started has ended.
type Controller interface {
	Run(ctx context.Context) error
}
