package unit

import (
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/coreos/go-systemd/v22/unit"

	"github.com/proa-sh/proa/pkg/cluster/keeper"
)

// Dir is where an administrator's units are (systemd.unit(5)).
const Dir = "/etc/systemd/system"

// target is what wants the unit when the machine starts.
const target = "multi-user.target"

// Weight is the unit's share of the processor beside pods and other services that want it at the same time; 100 is usual
// (systemd.resource-control(5), CPUWeight).
const Weight = 1000

// Unit is a service that systemd is to run.
type Unit struct {
	// Description is one line for people.
	Description string
	// Program is what runs, with its arguments; the first is an absolute path.
	Program []string
	// Env is its environment, each as NAME=value, beside what systemd gives every service.
	Env []string
	// Log is the file that gets what it says.
	Log string
}

// header is the first line, by which a unit of ours is known.
const header = "# Written by `proa up`, and removed by `proa down`. Changes are lost."

// Text is the unit file (systemd.service(5), systemd.exec(5), systemd.kill(5)).
func (u Unit) Text() (string, error) {
	text, err := io.ReadAll(unit.Serialize(slices.Concat(u.unit(), u.service(), u.life(), []*unit.UnitOption{
		{Section: "Install", Name: "WantedBy", Value: target},
	})))
	return header + "\n" + string(text), err
}

func (u Unit) unit() []*unit.UnitOption {
	return []*unit.UnitOption{
		{Section: "Unit", Name: "Description", Value: escape(u.Description)},
		{Section: "Unit", Name: "Wants", Value: "network-online.target"},
		{Section: "Unit", Name: "After", Value: "network-online.target"},
		// It is tried again for ever, with pauses.
		{Section: "Unit", Name: "StartLimitIntervalSec", Value: "0"},
	}
}

func (u Unit) service() []*unit.UnitOption {
	list := []*unit.UnitOption{
		// The server tells when the cluster runs; it is a child of the process that systemd starts. It bounds its own steps.
		{Section: "Service", Name: "Type", Value: "notify"},
		{Section: "Service", Name: "NotifyAccess", Value: "all"},
		{Section: "Service", Name: "TimeoutStartSec", Value: "infinity"},
		{Section: "Service", Name: "ExecStart", Value: words(u.Program)},
		{Section: "Service", Name: "StandardOutput", Value: "append:" + escape(u.Log)},
		{Section: "Service", Name: "StandardError", Value: "append:" + escape(u.Log)},
	}
	for _, variable := range u.Env {
		list = append(list, &unit.UnitOption{Section: "Service", Name: "Environment", Value: quote(escape(variable))})
	}
	return list
}

// life is how it ends and begins again, and what it gets of the machine.
func (u Unit) life() []*unit.UnitOption {
	var list []*unit.UnitOption
	for _, option := range [][2]string{
		// An end that somebody asked for stays one.
		{"Restart", "on-failure"}, {"RestartPreventExitStatus", strconv.Itoa(keeper.DoneBadly)}, {"RestartSec", "5"},
		// Containers outlive the server; it takes them over when it comes back.
		{"KillMode", "process"}, {"TimeoutStopSec", "30"},
		{"Delegate", "yes"},
		{"OOMScoreAdjust", "-999"}, {"OOMPolicy", "continue"},
		// Beside pods, which are at the root too, and not within system.slice.
		{"Slice", "-.slice"}, {"CPUWeight", strconv.Itoa(Weight)},
		{"TasksMax", "infinity"}, {"LimitNOFILE", "1048576"}, {"LimitNPROC", "infinity"}, {"LimitCORE", "infinity"},
	} {
		list = append(list, &unit.UnitOption{Section: "Service", Name: option[0], Value: option[1]})
	}
	return list
}

// escape takes the meaning from percent signs, which stand for facts about the unit else.
func escape(text string) string { return strings.ReplaceAll(text, "%", "%%") }

// words is a command line. A dollar sign begins the name of a variable else.
func words(program []string) string {
	var quoted []string
	for _, word := range program {
		quoted = append(quoted, quote(strings.ReplaceAll(escape(word), "$", "$$")))
	}
	return strings.Join(quoted, " ")
}

// quote makes one word of a text (systemd.syntax(7)).
func quote(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\t", `\t`).Replace(text) + `"`
}
