// Package podtopologyspread is the plugin PodTopologySpread: it spreads the pods that a constraint selects evenly over
// the domains of a topology, by rule (DoNotSchedule) or by preference (ScheduleAnyway). Pods without constraints of
// their own are spread by those of the configuration, over the selectors of their services and controllers.
//
// It extends preFilter, filter, preScore and score. The numbers of pods per domain are counted once for all pods that
// ask the same (class), and kept up to date from the snapshot's changes.
//
// Tests: TestFilter, TestFilterExtensions, TestScore, TestDefaultConstraints, TestKeptCounts, TestTable, TestHints.
package podtopologyspread
