package options

import (
	"errors"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	cliflag "k8s.io/component-base/cli/flag"
	componentconfig "k8s.io/component-base/config/v1alpha1"
	configv1 "k8s.io/kube-scheduler/config/v1"

	"github.com/proa-sh/proa/pkg/component"
	"github.com/proa-sh/proa/pkg/scheduler/config"
)

// Options are the flags of kube-scheduler as plain values.
type Options struct {
	// ConfigFile is a KubeSchedulerConfiguration. The flags that say the same as its fields count only without it, but
	// those of leader election, when they are given.
	ConfigFile string
	// WriteConfigTo is where to write the configuration, instead of running.
	WriteConfigTo string
	// Master overrides the API server's address in the kubeconfig.
	Master string
	// PodMaxInUnschedulablePodsDuration is after how long a pod is tried again though no event helped it.
	PodMaxInUnschedulablePodsDuration time.Duration

	// Election says whether and how to be elected before scheduling. Flags that are given count more than the file.
	Election component.Election
	// Serving says where health, metrics and profiles are served.
	Serving component.Serving

	// connection has the values of flags that say the same as fields of the configuration.
	connection componentconfig.ClientConnectionConfiguration
	// given tells whether a flag was on the command line.
	given func(flag string) bool
}

// NewOptions are the options of an empty command line.
func NewOptions() *Options {
	return &Options{
		PodMaxInUnschedulablePodsDuration: 5 * time.Minute,
		Election:                          component.NewElection("kube-scheduler"),
		Serving:                           component.NewServing("kube-scheduler", 10259),
		connection:                        config.New().ClientConnection,
		given:                             func(string) bool { return false },
	}
}

// AddFlags adds the flags, in groups.
func (o *Options) AddFlags(sets *cliflag.NamedFlagSets) {
	misc := sets.FlagSet("misc")
	misc.StringVar(&o.ConfigFile, "config", o.ConfigFile, "The path to the configuration file.")
	misc.StringVar(&o.WriteConfigTo, "write-config-to", o.WriteConfigTo, "If set, write the configuration values to this file and exit.")
	misc.StringVar(&o.Master, "master", o.Master, "The address of the Kubernetes API server (overrides any value in kubeconfig)")

	c := &o.connection
	old := sets.FlagSet("deprecated")
	old.StringVar(&c.Kubeconfig, "kubeconfig", c.Kubeconfig, "DEPRECATED: path to kubeconfig file with authorization and master location information. This parameter is ignored if a config file is specified in --config.")
	old.StringVar(&c.ContentType, "kube-api-content-type", c.ContentType, "DEPRECATED: content type of requests sent to apiserver. This parameter is ignored if a config file is specified in --config.")
	old.Float32Var(&c.QPS, "kube-api-qps", c.QPS, "DEPRECATED: QPS to use while talking with kubernetes apiserver. This parameter is ignored if a config file is specified in --config.")
	old.Int32Var(&c.Burst, "kube-api-burst", c.Burst, "DEPRECATED: burst to use while talking with kubernetes apiserver. This parameter is ignored if a config file is specified in --config.")
	old.DurationVar(&o.PodMaxInUnschedulablePodsDuration, "pod-max-in-unschedulable-pods-duration", o.PodMaxInUnschedulablePodsDuration,
		"DEPRECATED: the maximum time a pod can stay in unschedulablePods. If a pod stays in unschedulablePods for longer than this value, the pod will be moved from unschedulablePods to backoffQ or activeQ.")

	election := sets.FlagSet("leader election")
	o.Election.AddFlags(election)
	serving := sets.FlagSet("secure serving")
	o.Serving.AddFlags(serving)
	o.given = func(flag string) bool { return election.Changed(flag) || serving.Changed(flag) }
}

// Validate returns every fault of the options, those of the configuration file included.
func (o *Options) Validate() []error {
	var faults []error
	if o.PodMaxInUnschedulablePodsDuration <= 0 {
		faults = append(faults, errors.New("--pod-max-in-unschedulable-pods-duration must be greater than 0"))
	}
	cfg, err := o.Configuration()
	if err != nil {
		return append(faults, err)
	}
	for _, fault := range config.Validate(cfg) {
		faults = append(faults, fault)
	}
	election := o.electionOf(cfg)
	faults = append(faults, election.Validate()...)
	return append(faults, o.Serving.Validate()...)
}

// Configuration is what the file and the flags amount to.
func (o *Options) Configuration() (*configv1.KubeSchedulerConfiguration, error) {
	cfg := config.New()
	if o.ConfigFile != "" {
		var err error
		if cfg, err = config.LoadFile(o.ConfigFile); err != nil {
			return nil, err
		}
	} else {
		cfg.ClientConnection = o.connection
	}
	election := o.electionOf(cfg)
	cfg.LeaderElection = componentconfig.LeaderElectionConfiguration{
		LeaderElect:       &election.Enabled,
		LeaseDuration:     metav1.Duration{Duration: election.LeaseDuration},
		RenewDeadline:     metav1.Duration{Duration: election.RenewDeadline},
		RetryPeriod:       metav1.Duration{Duration: election.Retry},
		ResourceLock:      "leases",
		ResourceName:      election.Name,
		ResourceNamespace: election.Namespace,
	}
	return cfg, nil
}

// servingOf is the serving by the configuration, but for flags that are given.
func (o *Options) servingOf(cfg *configv1.KubeSchedulerConfiguration) component.Serving {
	serving := o.Serving
	if o.ConfigFile == "" {
		return serving
	}
	if !o.given("profiling") {
		serving.Profiling = *cfg.EnableProfiling
	}
	if !o.given("contention-profiling") {
		serving.ContentionProfiling = *cfg.EnableContentionProfiling
	}
	return serving
}

// electionOf is the election by the configuration, but for flags that are given.
func (o *Options) electionOf(cfg *configv1.KubeSchedulerConfiguration) component.Election {
	if o.ConfigFile == "" {
		return o.Election
	}
	l := &cfg.LeaderElection
	e := component.Election{
		Enabled: *l.LeaderElect, LeaseDuration: l.LeaseDuration.Duration, RenewDeadline: l.RenewDeadline.Duration,
		Retry: l.RetryPeriod.Duration, Name: l.ResourceName, Namespace: l.ResourceNamespace, Lock: o.Election.Lock,
	}
	for flag, take := range map[string]func(){
		"leader-elect":                    func() { e.Enabled = o.Election.Enabled },
		"leader-elect-lease-duration":     func() { e.LeaseDuration = o.Election.LeaseDuration },
		"leader-elect-renew-deadline":     func() { e.RenewDeadline = o.Election.RenewDeadline },
		"leader-elect-retry-period":       func() { e.Retry = o.Election.Retry },
		"leader-elect-resource-name":      func() { e.Name = o.Election.Name },
		"leader-elect-resource-namespace": func() { e.Namespace = o.Election.Namespace },
	} {
		if o.given(flag) {
			take()
		}
	}
	return e
}
