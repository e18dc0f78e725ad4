package flowcontrol

import (
	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	"k8s.io/utils/ptr"
)

// Defaults of flow schemas and priority levels.
const (
	defaultPrecedence   = 1000
	defaultShares       = 30
	defaultQueues       = 64
	defaultHandSize     = 8
	defaultQueueLength  = 50
	defaultLendable     = 0
	defaultExemptShares = 0
)

// SetFlowSchemaDefaults fills the precedence.
func SetFlowSchemaDefaults(s *flowcontrolv1.FlowSchema) {
	if s.Spec.MatchingPrecedence == 0 {
		s.Spec.MatchingPrecedence = defaultPrecedence
	}
}

// SetPriorityLevelConfigurationDefaults fills shares and queues of the type that a level is of.
func SetPriorityLevelConfigurationDefaults(l *flowcontrolv1.PriorityLevelConfiguration) {
	if l.Spec.Type == flowcontrolv1.PriorityLevelEnablementExempt && l.Spec.Exempt == nil {
		l.Spec.Exempt = &flowcontrolv1.ExemptPriorityLevelConfiguration{}
	}
	if e := l.Spec.Exempt; e != nil {
		orElse(&e.NominalConcurrencyShares, defaultExemptShares)
		orElse(&e.LendablePercent, defaultLendable)
	}
	limited := l.Spec.Limited
	if limited == nil {
		return
	}
	orElse(&limited.NominalConcurrencyShares, defaultShares)
	orElse(&limited.LendablePercent, defaultLendable)
	if q := limited.LimitResponse.Queuing; q != nil {
		if q.HandSize == 0 {
			q.HandSize = defaultHandSize
		}
		if q.Queues == 0 {
			q.Queues = defaultQueues
		}
		if q.QueueLengthLimit == 0 {
			q.QueueLengthLimit = defaultQueueLength
		}
	}
}

func orElse(field **int32, value int32) {
	if *field == nil {
		*field = ptr.To(value)
	}
}
