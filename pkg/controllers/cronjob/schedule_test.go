package cronjob

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func at(t *testing.T, text string, zone *time.Location) time.Time {
	t.Helper()
	parsed, err := time.ParseInLocation("2006-01-02 15:04:05", text, zone)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func TestNext(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		schedule, after string
		zone            *time.Location
		want            []string
	}{
		{"* * * * *", "2026-01-01 00:00:30", time.UTC, []string{"2026-01-01 00:01:00", "2026-01-01 00:02:00"}},
		{"*/15 * * * *", "2026-01-01 00:15:00", time.UTC, []string{"2026-01-01 00:30:00", "2026-01-01 00:45:00", "2026-01-01 01:00:00"}},
		{"5/20 3 * * *", "2026-01-01 03:06:00", time.UTC, []string{"2026-01-01 03:25:00", "2026-01-01 03:45:00", "2026-01-02 03:05:00"}},
		{"0 12 31 * *", "2026-01-31 12:00:00", time.UTC, []string{"2026-03-31 12:00:00", "2026-05-31 12:00:00"}},
		{"0 0 29 feb *", "2026-01-01 00:00:00", time.UTC, []string{"2028-02-29 00:00:00"}},
		{"0 0 * * MON-wed", "2026-01-01 00:00:00", time.UTC, []string{"2026-01-05 00:00:00", "2026-01-06 00:00:00", "2026-01-07 00:00:00", "2026-01-12 00:00:00"}},
		{"0 0 13 * 5", "2026-01-01 00:00:00", time.UTC, []string{"2026-01-02 00:00:00", "2026-01-09 00:00:00", "2026-01-13 00:00:00"}},
		{"0 0 ? 1,12 *", "2026-01-31 00:00:00", time.UTC, []string{"2026-12-01 00:00:00"}},
		{"@weekly", "2026-01-01 00:00:00", time.UTC, []string{"2026-01-04 00:00:00"}},
		{"@every 90s", "2026-01-01 00:00:00", time.UTC, []string{"2026-01-01 00:01:30", "2026-01-01 00:03:00"}},
		{"@every 90s", "2026-01-01 00:02:10", time.UTC, []string{"2026-01-01 00:03:00", "2026-01-01 00:04:30"}}, // from its base, not from now
		{"0 0 31 2 *", "2026-01-01 00:00:00", time.UTC, nil},
		{"30 1 * * *", "2026-03-28 02:00:00", berlin, []string{"2026-03-29 01:30:00", "2026-03-30 01:30:00"}},
		{"30 2 * * *", "2026-03-28 03:00:00", berlin, []string{"2026-03-30 02:30:00"}}, // the clocks skip half past two
	}
	for _, test := range tests {
		t.Run(test.schedule, func(t *testing.T) {
			s, err := parseSchedule(test.schedule, test.zone, at(t, "2026-01-01 00:00:00", time.UTC))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			now := at(t, test.after, test.zone)
			for range max(len(test.want), 1) {
				if now = s.next(now); now.IsZero() {
					break
				}
				got = append(got, now.Format("2006-01-02 15:04:05"))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("times (-want +got):\n%s", diff)
			}
		})
	}
}

func TestBadSchedules(t *testing.T) {
	for _, text := range []string{"", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 7", "5-3 * * * *", "*/0 * * * *", "x * * * *", "@sometimes", "@every x", "-1 * * * *"} {
		if _, err := parseSchedule(text, time.UTC, time.Time{}); err == nil {
			t.Errorf("%q was read", text)
		} else if !strings.HasPrefix(err.Error(), "read schedule") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestLatest(t *testing.T) {
	tests := []struct {
		schedule, after, until, want string
		many                         bool
	}{
		{"0 * * * *", "2026-01-01 00:00:00", "2026-01-01 00:30:00", "", false},
		{"0 * * * *", "2026-01-01 00:00:00", "2026-01-01 03:30:00", "2026-01-01 03:00:00", false},
		{"* * * * *", "2026-01-01 00:00:00", "2026-01-03 03:30:20", "2026-01-03 03:30:00", true},
		{"@every 7m", "2026-01-01 00:00:00", "2026-01-01 00:30:00", "2026-01-01 00:28:00", false},
		{"@every 7m", "2026-01-01 00:00:00", "2026-02-01 00:30:00", "2026-02-01 00:27:00", true},
		{"0 0 1 1 *", "2020-01-01 00:00:00", "2026-06-01 00:00:00", "2026-01-01 00:00:00", false},
	}
	for _, test := range tests {
		s, err := parseSchedule(test.schedule, time.UTC, at(t, test.after, time.UTC))
		if err != nil {
			t.Fatal(err)
		}
		got, many, ok := latest(s, at(t, test.after, time.UTC), at(t, test.until, time.UTC))
		text := ""
		if ok {
			text = got.Format("2006-01-02 15:04:05")
		}
		if text != test.want || many != test.many {
			t.Errorf("%s until %s: %q many %v, want %q many %v", test.schedule, test.until, text, many, test.want, test.many)
		}
	}
}
