package crilog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"time"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// timestamps is RFC 3339 with all nine digits of the second's fraction.
const timestamps = "2006-01-02T15:04:05.000000000Z07:00"

// message is one line of a log.
type message struct {
	time   time.Time
	stream runtimeapi.LogStreamType
	// text ends with a new line, unless the line goes on in the next message of the stream.
	text []byte
}

// parse reads a line as runtimes write it (CRI: "2016-10-06T00:17:09.669794202Z stdout F text").
func parse(line []byte) (m message, err error) {
	fields := bytes.SplitN(line, []byte(" "), 4)
	if len(fields) != 4 {
		return m, errors.New("unsupported log format: a line has no time, stream and tags before its text")
	}
	if m.time, err = time.Parse(time.RFC3339Nano, string(fields[0])); err != nil {
		return m, fmt.Errorf("unsupported log format: %w", err)
	}
	m.stream, m.text = runtimeapi.LogStreamType(fields[1]), fields[3]
	if m.stream != runtimeapi.Stdout && m.stream != runtimeapi.Stderr {
		return m, fmt.Errorf("unsupported log format: stream %q", m.stream)
	}
	tag, _, _ := bytes.Cut(fields[2], []byte(runtimeapi.LogTagDelimiter))
	if string(tag) == string(runtimeapi.LogTagPartial) {
		m.text = bytes.TrimSuffix(m.text, []byte("\n"))
	}
	return m, nil
}

// errLimit says that as much was written as was asked for.
var errLimit = errors.New("the limit is reached")

// output writes messages to their streams.
type output struct {
	options Options
	writers map[runtimeapi.LogStreamType]io.Writer
	// going says of a stream that its line goes on.
	going map[runtimeapi.LogStreamType]bool
	left  int64
}

func newOutput(o Options, stdout, stderr io.Writer) *output {
	out := &output{options: o, writers: map[runtimeapi.LogStreamType]io.Writer{}, going: map[runtimeapi.LogStreamType]bool{}, left: math.MaxInt64}
	if stdout != nil {
		out.writers[runtimeapi.Stdout] = stdout
	}
	if stderr != nil {
		out.writers[runtimeapi.Stderr] = stderr
	}
	if o.Limit != nil {
		out.left = *o.Limit
	}
	return out
}

func (o *output) write(m message) error {
	w := o.writers[m.stream]
	if w == nil || m.time.Before(o.options.Since) {
		return nil
	}
	text := m.text
	if o.options.Timestamps && !o.going[m.stream] {
		text = append(m.time.AppendFormat(nil, timestamps+" "), text...)
	}
	o.going[m.stream] = !bytes.HasSuffix(m.text, []byte("\n"))
	text = text[:min(int64(len(text)), o.left)]
	n, err := w.Write(text)
	o.left -= int64(n)
	if err == nil && o.left <= 0 {
		return errLimit
	}
	return err
}

// block is how much of a file is searched at a time for the ends of lines.
const block = 64 << 10

// tailStart finds where the last n whole lines of a file begin.
func tailStart(file *os.File, n int64) (int64, error) {
	end, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return 0, err
	}
	buffer := make([]byte, block)
	// The end of the line before the first one is looked for: one more than there are lines.
	for found := int64(0); end > 0; {
		part := buffer[:min(end, block)]
		if _, err := file.ReadAt(part, end-int64(len(part))); err != nil {
			return 0, err
		}
		for i := len(part) - 1; i >= 0; i-- {
			if part[i] != '\n' {
				continue
			}
			if found == n {
				return end - int64(len(part)-i-1), nil
			}
			found++
		}
		end -= int64(len(part))
	}
	return 0, nil
}
