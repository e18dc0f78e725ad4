package crash

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// keep is how many records are kept.
	keep = 20
	// maxStack bounds the stack in a record, in bytes.
	maxStack = 16 << 10
	// inARow is how often a part must bring the process down, each time within soon of its start, to be left out.
	inARow = 3
	soon   = 10 * time.Minute
)

// fatal is what is known of an error of the runtime, such as concurrent writes to a map: it says which before it writes to the file.
const fatal = "fatal error of the Go runtime; the log says which"

// Record is how one life ended.
type Record struct {
	At time.Time `json:"at"`
	// How is what could be seen from outside, such as "signal: killed".
	How string `json:"how,omitempty"`
	// Part brought the process down; empty if it is not known.
	Part string `json:"part,omitempty"`
	// Message is what it said, Stack where.
	Message string `json:"message,omitempty"`
	Stack   string `json:"stack,omitempty"`
	// Ran is how long the life was, zero if that is not known.
	Ran time.Duration `json:"ran,omitempty"`
}

// String is one line for people.
func (r Record) String() string {
	who := r.Part
	if who == "" {
		who = "the server"
	}
	text := fmt.Sprintf("%s fell at %s", who, r.At.Local().Format(time.DateTime))
	if r.Message != "" {
		return text + ": " + r.Message
	}
	return text + ": " + r.How
}

// Book is the memory of one process, in a directory.
type Book struct {
	dir   string
	parts Parts
}

// Parts says how a part is known.
type Parts struct {
	// Packages are names of parts by the import paths of their code; code below a path counts too.
	Packages map[string]string
	// Label is that of goroutines (runtime/pprof) whose value names a part within the part Labelled, which is said instead, as in
	// Labelled/value.
	Label, Labelled string
}

// New gives the memory in a directory.
func New(dir string, parts Parts) *Book { return &Book{dir: dir, parts: parts} }

func (b *Book) recordsFile() string { return filepath.Join(b.dir, "crashes.json") }
func (b *Book) outputFile() string  { return filepath.Join(b.dir, "crash.txt") }

// memory is what the file holds.
type memory struct {
	// Row are the ends since the process was last asked to end, Earlier those before.
	Row     []Record `json:"row"`
	Earlier []Record `json:"earlier"`
}

func (b *Book) read() (m memory, err error) {
	content, err := os.ReadFile(b.recordsFile())
	if errors.Is(err, os.ErrNotExist) {
		return m, nil
	}
	if err == nil {
		err = json.Unmarshal(content, &m)
	}
	if err != nil {
		return memory{}, fmt.Errorf("read how earlier lives ended: %w", err)
	}
	return m, nil
}

func (b *Book) write(m memory) error {
	m.Row, m.Earlier = last(m.Row, keep), last(m.Earlier, keep)
	content, err := json.MarshalIndent(m, "", "  ")
	if err == nil {
		err = os.WriteFile(b.recordsFile()+".new", content, 0o600)
	}
	if err == nil {
		err = os.Rename(b.recordsFile()+".new", b.recordsFile())
	}
	if err != nil {
		return fmt.Errorf("write down how earlier lives ended: %w", err)
	}
	return nil
}

func last(records []Record, n int) []Record { return records[max(0, len(records)-n):] }

// Collect takes up what is known of the life before this one, and gives the ends in a row. how is what the keeper saw; empty if it
// saw nothing fall. It is called once in a life, before Watch.
func (b *Book) Collect(how string, ran time.Duration, now time.Time) ([]Record, error) {
	m, err := b.read()
	if err != nil { // torn by a full disk or a fall; what it said is of no use any more
		m = memory{}
	}
	output, readErr := os.ReadFile(b.outputFile())
	noted := len(m.Row) > 0 && m.Row[len(m.Row)-1].How == "" // by Note, in that life
	switch {
	case noted:
		m.Row[len(m.Row)-1].How, m.Row[len(m.Row)-1].Ran = orUnknown(how), ran
	case how != "" || len(output) > 0:
		r := Record{At: now, How: orUnknown(how), Ran: ran}
		r.Message, r.Stack, r.Part = b.explain(string(output))
		m.Row = append(m.Row, r)
	default:
		return m.Row, err
	}
	if readErr == nil {
		readErr = os.Remove(b.outputFile())
	}
	if errors.Is(readErr, os.ErrNotExist) {
		readErr = nil
	}
	return m.Row, errors.Join(readErr, b.write(m))
}

func orUnknown(how string) string {
	if how == "" {
		return "it ended"
	}
	return how
}

// withLabels has the runtime write the labels of goroutines down (GODEBUG in go doc runtime).
const withLabels = "tracebacklabels=1"

// Watch has the runtime write to the file too what it says when the process falls, with the labels of goroutines.
func (b *Book) Watch() error {
	settings := strings.Split(os.Getenv("GODEBUG"), ",")
	if !slices.Contains(settings, withLabels) { // what a life sets, the programs that it starts have too
		if err := os.Setenv("GODEBUG", strings.Trim(strings.Join(append(settings, withLabels), ","), ",")); err != nil {
			return fmt.Errorf("have labels written down: %w", err)
		}
	}
	file, err := os.OpenFile(b.outputFile(), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open file for crashes: %w", err)
	}
	defer file.Close() // the runtime has a descriptor of its own
	if err := debug.SetCrashOutput(file, debug.CrashOptions{}); err != nil {
		return fmt.Errorf("have crashes written down: %w", err)
	}
	return nil
}

// Note writes down that a part could not go on, for which the process is about to end.
func (b *Book) Note(part, message string, now time.Time) error {
	m, err := b.read()
	if err != nil {
		m = memory{}
	}
	m.Row = append(m.Row, Record{At: now, Part: part, Message: message})
	return b.write(m)
}

// EndRow says that the process was asked to end: what fell before counts no more.
func (b *Book) EndRow() error {
	if err := os.Remove(b.outputFile()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("forget a crash: %w", err)
	}
	m, err := b.read()
	if err == nil && len(m.Row) == 0 {
		return nil
	}
	return b.write(memory{Earlier: slices.Concat(m.Earlier, m.Row)})
}

// LeftOut gives the last record of each part that should not start again, from the ends in a row.
func LeftOut(row []Record) map[string]Record {
	out := map[string]Record{}
	// What was left out stays so in the lives that follow: they fall by others, or not at all.
	count, part := 0, ""
	for i, r := range row {
		if r.Part == "" || r.Part != part || i > 0 && r.Ran > soon {
			count, part = 0, r.Part
		}
		if count++; count >= inARow && part != "" {
			out[part] = r
		}
	}
	return out
}

// explain finds in what the runtime wrote the message, the stack of the goroutine that fell, and the part that it belongs to.
func (b *Book) explain(output string) (message, stack, part string) {
	if output == "" {
		return "", "", ""
	}
	message, rest := fatal, output
	if i := strings.Index("\n"+output, "\npanic: "); i >= 0 {
		message, rest, _ = strings.Cut(output[i:], "\n")
	}
	if i := strings.Index(rest, "goroutine "); i >= 0 {
		rest = rest[i:]
	}
	stack, _, _ = strings.Cut(rest, "\n\n")
	if len(stack) > maxStack {
		stack = stack[:maxStack]
	}
	return message, stack, b.culprit(stack)
}

// culprit is the part that the first frame of ours belongs to. Whose goroutine it is says more only where that part is one of many,
// or no frame is ours: one part may run another's code.
func (b *Book) culprit(stack string) (part string) {
	for line := range strings.Lines(stack) {
		if part = b.partOf(line); part != "" {
			break
		}
	}
	if part != "" && part != b.parts.Labelled && !strings.HasPrefix(part, b.parts.Labelled+"/") {
		return part
	}
	if value := b.labelOf(stack); value != "" {
		return b.parts.Labelled + "/" + value
	}
	return part
}

// labelOf reads the label of the goroutine from the first line of its stack.
func (b *Book) labelOf(stack string) string {
	if b.parts.Label == "" {
		return ""
	}
	header, _, _ := strings.Cut(stack, "\n")
	_, labels, _ := strings.Cut(header, " labels:{")
	_, rest, found := strings.Cut(labels, strconv.Quote(b.parts.Label)+": ")
	if !found {
		return ""
	}
	quoted, err := strconv.QuotedPrefix(rest)
	if err != nil {
		return ""
	}
	value, err := strconv.Unquote(quoted)
	if err != nil {
		return ""
	}
	return value
}

// partOf finds the part of a frame, the one with the longest path.
func (b *Book) partOf(frame string) (part string) {
	frame = strings.TrimPrefix(frame, "created by ")
	longest := 0
	for path, name := range b.parts.Packages {
		rest, found := strings.CutPrefix(frame, path)
		if found && (strings.HasPrefix(rest, ".") || strings.HasPrefix(rest, "/")) && len(path) > longest {
			longest, part = len(path), name
		}
	}
	return part
}
