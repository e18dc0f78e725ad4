package command

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/fsnotify/fsnotify"
	"github.com/spf13/cobra"

	"github.com/proa-sh/proa/pkg/cluster"
	"github.com/proa-sh/proa/pkg/cluster/node"
)

func newLogs(f *flags) *cobra.Command {
	follow, on := false, ""
	cmd := &cobra.Command{
		Use:   "logs [PART]",
		Short: "Print what the cluster, or one part of it, has logged",
		Long: "Print what the cluster has logged. PART is one of " + strings.Join(logParts(), ", ") + ";\n" +
			"of a further node it is one of " + strings.Join(nodeParts(), ", ") + ".\n" +
			"Lines of libraries that do not say who speaks are shown with the API server, to which nearly all of them belong.",
		ValidArgs: logParts(),
		Args:      cobra.MatchAll(cobra.MaximumNArgs(1), cobra.OnlyValidArgs),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := f.config()
			if err != nil {
				return err
			}
			part := ""
			if len(args) == 1 {
				part = args[0]
			}
			path, keep, err := logOf(cfg, on, part)
			if err != nil {
				return err
			}
			return printLog(cmd.Context(), cmd.OutOrStdout(), path, keep, follow)
		},
	}
	cmd.Flags().StringVar(&on, "node", "", "a further node")
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on printing as it is logged")
	return cmd
}

// logParts are the parts that log.
func logParts() []string {
	return append([]string{cluster.StepAPIServer, cluster.StepControllers, cluster.StepScheduler, cluster.StepEtcd}, nodeParts()...)
}

// nodeParts are those that log on each node.
func nodeParts() []string {
	return []string{node.StepKubelet, node.StepProxy, node.StepNetwork, node.StepContainerd}
}

// logOf gives the file in which a part logs, and which of its lines are the part's. An empty part means all that is in one
// process; an empty node is the first one.
func logOf(cfg cluster.Config, on, part string) (path string, keep func(line string) bool, err error) {
	n, log := cfg.Node(), cfg.ServerLog()
	if on != "" && on != n.Name {
		if n, err = nodeOf(cfg, on); err != nil {
			return "", nil, err
		}
		if log = n.AgentLog(); part != "" && !slices.Contains(nodeParts(), part) {
			return "", nil, fmt.Errorf("a further node has no %s", part)
		}
	}
	programs, err := cfg.RunningPrograms()
	if err != nil {
		return "", nil, err
	}
	all := func(string) bool { return true }
	switch name := cluster.ProgramOf(part); {
	case part == "":
		return log, all, nil
	case part == cluster.StepEtcd:
		return cfg.EtcdLog(), all, nil
	case part == node.StepContainerd:
		return n.ContainerdLog(), all, nil
	case programs[name] != "":
		return n.ProgramLog(name), all, nil
	}
	return log, entriesOf(part), nil
}

func nodeOf(cfg cluster.Config, name string) (node.Config, error) {
	nodes, err := cfg.AllNodes()
	if err != nil {
		return node.Config{}, err
	}
	for _, n := range nodes {
		if n.Name == name {
			return n, nil
		}
	}
	return node.Config{}, fmt.Errorf("the cluster has no node %s", name)
}

// entriesOf says which lines are a part's.
func entriesOf(part string) func(line string) bool {
	keeping := false
	return func(line string) bool {
		if startsEntry(line) { // what follows in lines of its own, such as a stack, belongs to it
			keeping = speaks(part, line)
		}
		return keeping
	}
}

// startsEntry knows the first line of an entry in klog's text format: its severity and the date.
func startsEntry(line string) bool {
	return len(line) > 5 && strings.IndexByte("IWEF", line[0]) >= 0 && strings.Trim(line[1:5], "0123456789") == ""
}

// speaks says whether the entry is the part's. The logger's name is a key of its own; names of loggers below it follow
// after a dot.
func speaks(part, line string) bool {
	if strings.Contains(line, ` logger="`+part+`"`) || strings.Contains(line, ` logger="`+part+`.`) {
		return true
	}
	if part != cluster.StepAPIServer {
		return false
	}
	return !slices.ContainsFunc(logParts(), func(other string) bool { return other != part && speaks(other, line) })
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
