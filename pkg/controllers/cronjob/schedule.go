package cronjob

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"time"
)

// schedule tells the times of a CronJob.
type schedule interface {
	// next is the first time after t; zero when there is none within five years.
	next(t time.Time) time.Time
}

// field is a set of numbers below 64.
type field uint64

func (f field) has(n int) bool { return f&(1<<n) != 0 }

// calendar is the usual form: minutes, hours, days of the month, months and days of the week.
type calendar struct {
	minutes, hours, days, months, weekdays field
	// anyDay and anyWeekday say that the field was a star: when both fields are given, either will do.
	anyDay, anyWeekday bool
	zone               *time.Location
}

// interval is "@every": the times lie a whole number of steps after base.
type interval struct {
	step time.Duration // at least a second
	base time.Time
}

// parseSchedule reads a schedule in a time zone. base is a time from which "@every" counts: the last one at which there was
// a Job, or the creation of the CronJob.
func parseSchedule(text string, zone *time.Location, base time.Time) (schedule, error) {
	text = strings.TrimSpace(text)
	if every, found := strings.CutPrefix(text, "@every "); found {
		d, err := time.ParseDuration(strings.TrimSpace(every))
		if err != nil {
			return nil, fmt.Errorf("read schedule %q: %w", text, err)
		}
		return interval{max(d.Truncate(time.Second), time.Second), base}, nil
	}
	if strings.HasPrefix(text, "@") {
		full, known := named(text)
		if !known {
			return nil, fmt.Errorf("read schedule %q: this name is unknown", text)
		}
		text = full
	}
	words := strings.Fields(text)
	if len(words) != 5 {
		return nil, fmt.Errorf("read schedule %q: it has %d fields instead of 5", text, len(words))
	}
	c := calendar{zone: zone, anyDay: isStar(words[2]), anyWeekday: isStar(words[4])}
	for i, one := range []struct {
		to          *field
		first, last int
		names       string
	}{
		{&c.minutes, 0, 59, ""}, {&c.hours, 0, 23, ""}, {&c.days, 1, 31, ""},
		{&c.months, 1, 12, "jan feb mar apr may jun jul aug sep oct nov dec"}, {&c.weekdays, 0, 6, "sun mon tue wed thu fri sat"},
	} {
		parsed, err := parseField(words[i], one.first, one.last, strings.Fields(one.names))
		if err != nil {
			return nil, fmt.Errorf("read schedule %q: %w", text, err)
		}
		*one.to = parsed
	}
	return c, nil
}

func named(text string) (full string, known bool) {
	switch text {
	case "@yearly", "@annually":
		return "0 0 1 1 *", true
	case "@monthly":
		return "0 0 1 * *", true
	case "@weekly":
		return "0 0 * * 0", true
	case "@daily", "@midnight":
		return "0 0 * * *", true
	case "@hourly":
		return "0 * * * *", true
	}
	return "", false
}

// isStar says whether a field leaves the choice; "*/2" does not, in effect, but has always counted as if it did.
func isStar(text string) bool { return text[0] == '*' || text[0] == '?' }

// parseField reads "1,3-5,*/10,mon".
func parseField(text string, first, last int, names []string) (field, error) {
	var set field
	for part := range strings.SplitSeq(text, ",") {
		span, stepText, stepped := strings.Cut(part, "/")
		from, to, err := parseSpan(span, first, last, names, stepped)
		if err != nil {
			return 0, err
		}
		step := 1
		if stepped {
			if step, err = strconv.Atoi(stepText); err != nil || step < 1 {
				return 0, fmt.Errorf("step %q is not a number above 0", stepText)
			}
		}
		if from < first || to > last || from > to {
			return 0, fmt.Errorf("%q is not within %d and %d", part, first, last)
		}
		for n := from; n <= to; n += step {
			set |= 1 << n
		}
	}
	return set, nil
}

// parseSpan reads "*", "3", "3-5" and, with a step, "3" as from 3 on.
func parseSpan(text string, first, last int, names []string, stepped bool) (from, to int, err error) {
	if text == "*" || text == "?" {
		return first, last, nil
	}
	low, high, isSpan := strings.Cut(text, "-")
	if from, err = parseNumber(low, first, names); err != nil {
		return 0, 0, err
	}
	switch {
	case isSpan:
		to, err = parseNumber(high, first, names)
	case stepped:
		to = last
	default:
		to = from
	}
	return from, to, err
}

func parseNumber(text string, first int, names []string) (int, error) {
	for i, name := range names {
		if strings.EqualFold(name, text) {
			return first + i, nil
		}
	}
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return 0, fmt.Errorf("%q is not a number", text)
	}
	return int(n), nil
}

// next implements schedule.
func (i interval) next(t time.Time) time.Time {
	steps := max(t.Sub(i.base)/i.step, 0)
	return i.base.Add((steps + 1) * i.step)
}

// next implements schedule. It goes on field by field, largest first, and starts anew when that changes a larger one.
func (c calendar) next(t time.Time) time.Time {
	origin := t.Location()
	t = t.In(c.zone)
	t = t.Add(time.Minute - time.Duration(t.Second())*time.Second - time.Duration(t.Nanosecond()))
	for limit := t.Year() + 5; t.Year() <= limit; {
		switch {
		case !c.months.has(int(t.Month())):
			t = time.Date(t.Year(), t.Month()+1, 1, 0, 0, 0, 0, c.zone)
		case !c.day(t):
			t = nextDay(t)
		case !c.hours.has(t.Hour()):
			t = nextHour(t)
		case !c.minutes.has(t.Minute()):
			later := uint64(c.minutes) &^ (1<<(t.Minute()+1) - 1)
			if later == 0 {
				t = nextHour(t)
			} else {
				t = t.Add(time.Duration(bits.TrailingZeros64(later)-t.Minute()) * time.Minute)
			}
		default:
			return t.In(origin)
		}
	}
	return time.Time{}
}

// nextDay is the first moment of the next day, which is not midnight where clocks are put forward then.
func nextDay(t time.Time) time.Time {
	next := time.Date(t.Year(), t.Month(), t.Day()+1, 0, 0, 0, 0, t.Location())
	if next.Day() == t.Day() {
		next = next.Add(time.Hour)
	}
	if next.Hour() != 0 && next.Hour() > 12 {
		next = next.Add(time.Duration(24-next.Hour()) * time.Hour)
	}
	return next
}

// nextHour is the next full hour of the clock, in real time.
func nextHour(t time.Time) time.Time {
	return t.Add(time.Hour - time.Duration(t.Minute())*time.Minute)
}

// day says whether the day of t is one of the schedule's.
func (c calendar) day(t time.Time) bool {
	day, weekday := c.days.has(t.Day()), c.weekdays.has(int(t.Weekday()))
	if c.anyDay || c.anyWeekday {
		return day && weekday
	}
	return day || weekday
}

// latest is the last time after a time and not after another; ok is false when there is none. missed says whether there
// were many.
func latest(s schedule, after, until time.Time) (last time.Time, many, ok bool) {
	for _, window := range []time.Duration{2 * time.Minute, 2 * time.Hour, 48 * time.Hour, 62 * 24 * time.Hour, 3 * 365 * 24 * time.Hour, 1 << 62} {
		from := until.Add(-window)
		if !from.After(after) {
			from = after
		}
		for t := s.next(from); !t.IsZero() && !t.After(until); t = s.next(t) {
			last, ok = t, true
		}
		if ok {
			break
		}
		if from.Equal(after) {
			return time.Time{}, false, false
		}
	}
	return last, manyBetween(s, after, last), true
}

// tooMany is how many missed times are worth a warning.
const tooMany = 100

func manyBetween(s schedule, after, last time.Time) bool {
	n := 0
	for t := s.next(after); !t.IsZero() && !t.After(last); t = s.next(t) {
		if n++; n > tooMany {
			return true
		}
	}
	return false
}
