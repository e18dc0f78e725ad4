package program

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// lastLines is how much of the log an error shows, at most lastBytes.
const lastLines, lastBytes = 8, 16 << 10

// explain adds the end of the program's log to an error.
func (p *Program) explain(err error) error {
	tail, readErr := tailOf(p.cfg.LogFile)
	if readErr != nil {
		return errors.Join(err, readErr)
	}
	if tail == "" {
		return fmt.Errorf("%w; its log %s is empty", err, p.cfg.LogFile)
	}
	return fmt.Errorf("%w; the end of its log %s:\n%s", err, p.cfg.LogFile, tail)
}

// tailOf gives the last lines of a file.
func tailOf(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("read log: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return "", fmt.Errorf("read log: %w", err)
	}
	content, err := io.ReadAll(io.NewSectionReader(file, max(0, info.Size()-lastBytes), lastBytes))
	if err != nil {
		return "", fmt.Errorf("read log: %w", err)
	}
	lines := strings.Split(strings.TrimRight(string(content), "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-lastLines):], "\n"), nil
}
