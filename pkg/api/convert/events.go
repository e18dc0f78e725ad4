package convert

import (
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// AddEvents registers the conversions between the core group's events, which are the hub, and those of events.k8s.io/v1.
// The two have the same fields under different names.
func AddEvents(s *runtime.Scheme) error {
	return firstError(
		func() error { return add(s, eventFromHub) },
		func() error { return add(s, eventToHub) },
		func() error {
			return add(s, func(in *corev1.EventList, out *eventsv1.EventList) (err error) {
				out.ListMeta = in.ListMeta
				out.Items, err = each(in.Items, eventFromHub)
				return err
			})
		},
		func() error {
			return add(s, func(in *eventsv1.EventList, out *corev1.EventList) (err error) {
				out.ListMeta = in.ListMeta
				out.Items, err = each(in.Items, eventToHub)
				return err
			})
		},
	)
}

func eventFromHub(in *corev1.Event, out *eventsv1.Event) error {
	in = in.DeepCopy()
	*out = eventsv1.Event{
		ObjectMeta:               in.ObjectMeta,
		EventTime:                in.EventTime,
		ReportingController:      in.ReportingController,
		ReportingInstance:        in.ReportingInstance,
		Action:                   in.Action,
		Reason:                   in.Reason,
		Regarding:                in.InvolvedObject,
		Related:                  in.Related,
		Note:                     in.Message,
		Type:                     in.Type,
		DeprecatedSource:         in.Source,
		DeprecatedFirstTimestamp: in.FirstTimestamp,
		DeprecatedLastTimestamp:  in.LastTimestamp,
		DeprecatedCount:          in.Count,
	}
	if in.Series != nil {
		out.Series = &eventsv1.EventSeries{Count: in.Series.Count, LastObservedTime: in.Series.LastObservedTime}
	}
	return nil
}

func eventToHub(in *eventsv1.Event, out *corev1.Event) error {
	in = in.DeepCopy()
	*out = corev1.Event{
		ObjectMeta:          in.ObjectMeta,
		InvolvedObject:      in.Regarding,
		Reason:              in.Reason,
		Message:             in.Note,
		Source:              in.DeprecatedSource,
		FirstTimestamp:      in.DeprecatedFirstTimestamp,
		LastTimestamp:       in.DeprecatedLastTimestamp,
		Count:               in.DeprecatedCount,
		Type:                in.Type,
		EventTime:           in.EventTime,
		Action:              in.Action,
		Related:             in.Related,
		ReportingController: in.ReportingController,
		ReportingInstance:   in.ReportingInstance,
	}
	if in.Series != nil {
		out.Series = &corev1.EventSeries{Count: in.Series.Count, LastObservedTime: in.Series.LastObservedTime}
	}
	return nil
}
