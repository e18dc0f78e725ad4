package command

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/fsnotify/fsnotify"
	"github.com/spf13/cobra"

	"github.com/proa-sh/proa/pkg/cluster"
)

func newLogs(f *flags) *cobra.Command {
	follow := false
	cmd := &cobra.Command{
		Use:   "logs [PART]",
		Short: "Print what the cluster, or one part of it, has logged",
		Long: "Print what the cluster has logged. PART is etcd, containerd, or the name of a part in the process,\n" +
			"such as kubelet or kube-scheduler.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := f.config()
			if err != nil {
				return err
			}
			part := ""
			if len(args) == 1 {
				part = args[0]
			}
			path, keep := logOf(cfg, part)
			return printLog(cmd.Context(), cmd.OutOrStdout(), path, keep, follow)
		},
	}
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on printing as it is logged")
	return cmd
}

// logOf gives the file in which a part logs and which of its lines are the part's.
func logOf(cfg cluster.Config, part string) (path string, keep func(line string) bool) {
	all := func(string) bool { return true }
	switch part {
	case "":
		return cfg.ServerLog(), all
	case "etcd":
		return cfg.EtcdLog(), all
	case "containerd":
		return cfg.ContainerdLog(), all
	default:
		// The logger's name is a key of its own in klog's text format; names of loggers below it follow after a dot.
		return cfg.ServerLog(), func(line string) bool {
			return strings.Contains(line, ` logger="`+part+`"`) || strings.Contains(line, ` logger="`+part+`.`)
		}
	}
}

// printLog prints the lines to keep, and if follow is set those that are added until ctx ends.
func printLog(ctx context.Context, out io.Writer, path string, keep func(string) bool, follow bool) error {
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	defer file.Close()
	// Watched before it is read, so that nothing is added unseen in between.
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watch log: %w", err)
	}
	defer watcher.Close()
	if err := watcher.Add(path); err != nil {
		return fmt.Errorf("watch log: %w", err)
	}
	reader := bufio.NewReader(file)
	part := ""
	for {
		if part, err = printLines(out, reader, part, keep); err != nil || !follow {
			return err
		}
		select {
		case _, open := <-watcher.Events:
			if !open {
				return nil
			}
		case err := <-watcher.Errors:
			return fmt.Errorf("watch log: %w", err)
		case <-ctx.Done():
			return nil
		}
	}
}

// printLines prints whole lines until the end of the file and gives what is left of a line that has not ended.
func printLines(out io.Writer, reader *bufio.Reader, begun string, keep func(string) bool) (string, error) {
	for {
		text, err := reader.ReadString('\n')
		begun += text
		if errors.Is(err, io.EOF) {
			return begun, nil
		}
		if err != nil {
			return "", fmt.Errorf("read log: %w", err)
		}
		if keep(begun) {
			if _, err := io.WriteString(out, begun); err != nil {
				return "", err
			}
		}
		begun = ""
	}
}
