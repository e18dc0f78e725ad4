package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/spf13/cobra"
	"k8s.io/klog/v2"
	"k8s.io/klog/v2/textlogger"

	"github.com/proa-sh/proa/pkg/cluster"
	"github.com/proa-sh/proa/pkg/cluster/control"
	"github.com/proa-sh/proa/pkg/cluster/footprint"
	"github.com/proa-sh/proa/pkg/cluster/keeper"
	"github.com/proa-sh/proa/pkg/cluster/logfile"
)

func newServer(f *flags) *cobra.Command {
	logFile := ""
	cmd := &cobra.Command{
		Use:   "server",
		Short: "Run the cluster in the foreground, as a service manager wants it",
		Long: "Run the cluster in the foreground and log to standard error. systemd is told when it runs (Type=notify).\n" +
			"When it ends, pods go on and are taken over by the next start; `proa down` ends them.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := f.config()
			if err != nil {
				return err
			}
			ctx, closeLog, err := withLog(cmd.Context(), f.verbosity, logFile)
			if err != nil {
				return err
			}
			defer closeLog()
			return serve(ctx, cfg, f.serve)
		},
	}
	cmd.Flags().StringVar(&logFile, "log-file", "", "log to this file, which is put aside when it grows large, and not to standard error")
	return cmd
}

// withLog makes the logger of a process that runs on its own. It writes to the file, or to standard error if there is none.
func withLog(ctx context.Context, verbosity int, file string) (context.Context, func(), error) {
	options := []textlogger.ConfigOption{textlogger.Verbosity(verbosity)}
	closeLog := func() {}
	if file != "" {
		log, err := openLog(file)
		if err != nil {
			return nil, nil, err
		}
		closeLog = func() { log.Close() }
		options = append(options, textlogger.Output(log))
	}
	logger := textlogger.NewLogger(textlogger.NewConfig(options...))
	klog.SetLoggerWithOptions(logger, klog.ContextualLogger(true))
	return klog.NewContext(ctx, logger), closeLog, nil
}

// maxLog is the size at which the server's log is put aside, in bytes; the one before is lost.
const maxLog = 64 << 20

// openLog opens the log and lets standard output and error lead there too, where the Go runtime tells of a crash.
func openLog(path string) (*logfile.File, error) {
	log, err := logfile.Open(path, maxLog)
	if err != nil {
		return nil, err
	}
	for _, file := range []*os.File{os.Stdout, os.Stderr} {
		if err := log.Redirect(int(file.Fd())); err != nil {
			return nil, errors.Join(err, log.Close())
		}
	}
	return log, nil
}

// serve runs the cluster and passes its news on to those who started it.
func serve(ctx context.Context, cfg cluster.Config, run func(context.Context, cluster.Config, *control.Timeline) error) error {
	news, err := newsFile()
	if err != nil {
		return err
	}
	timeline := control.NewTimeline()
	keeping, ended := context.WithCancel(ctx)
	var beside sync.WaitGroup
	beside.Go(func() { tell(ctx, timeline, news) })
	beside.Go(func() { footprint.Run(keeping) })
	err = run(ctx, cfg, timeline)
	ended()
	beside.Wait()
	if err != nil {
		return errors.Join(err, tellFailure(err))
	}
	return nil
}

// newsFile opens the descriptor that `up` has handed down, or gives nil.
func newsFile() (*os.File, error) {
	text := os.Getenv(keeper.News)
	if text == "" {
		return nil, nil
	}
	fd, err := strconv.Atoi(text)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", keeper.News, err)
	}
	// Not for the processes that we start: `up` waits for its end.
	if err := os.Unsetenv(keeper.News); err != nil {
		return nil, err
	}
	syscall.CloseOnExec(fd)
	return os.NewFile(uintptr(fd), "news"), nil
}

// tell writes the news to the file until the cluster runs, and tells the service manager. Whoever reads the file may have
// gone away, which is no concern of the cluster's.
func tell(ctx context.Context, timeline *control.Timeline, news *os.File) {
	logger := klog.FromContext(ctx)
	var encoder *json.Encoder
	if news != nil {
		defer news.Close()
		encoder = json.NewEncoder(news)
	}
	timeline.Follow(context.WithoutCancel(ctx), func(m control.Message) bool {
		if encoder != nil {
			if err := encoder.Encode(m); err != nil {
				encoder = nil
			}
		}
		// Of its end it is not told: it would take one life's for that of the keeper.
		if m.Phase == control.Running {
			if _, err := daemon.SdNotify(false, daemon.SdNotifyReady); err != nil {
				logger.Error(err, "Telling the service manager failed")
			}
		}
		if m.Phase == control.Running && news != nil {
			news.Close()
			encoder = nil
		}
		return true
	})
}

// heardWithin bounds the wait for the service manager.
const heardWithin = 2 * time.Second

// tellFailure has the service manager show why the server ends, and returns when it has read that: it asks whose words they are, and
// must find the process.
func tellFailure(failure error) error {
	socket := os.Getenv("NOTIFY_SOCKET")
	if socket == "" {
		return nil
	}
	if _, err := daemon.SdNotify(false, "STATUS="+strings.ReplaceAll(failure.Error(), "\n", "; ")); err != nil {
		return fmt.Errorf("tell the service manager of the failure: %w", err)
	}
	if err := notifyBarrier(socket); err != nil {
		return fmt.Errorf("wait for the service manager: %w", err)
	}
	return nil
}

// notifyBarrier returns when the service manager has read all that it was told before (sd_notify_barrier(3)): it closes the pipe then.
func notifyBarrier(socket string) error {
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	defer read.Close()
	defer write.Close()
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, _, err := conn.WriteMsgUnix([]byte("BARRIER=1"), syscall.UnixRights(int(write.Fd())), nil); err != nil {
		return err
	}
	write.Close()
	if err := read.SetReadDeadline(time.Now().Add(heardWithin)); err != nil {
		return err
	}
	if _, err := read.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}
