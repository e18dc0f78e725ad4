package nftables

import (
	"context"
	"errors"
	"io"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// failing is a socket that gives one error; after it, none: it waits until it is closed.
type failing struct {
	err    error
	closed chan struct{}
}

func newFailing(err error) *failing { return &failing{err: err, closed: make(chan struct{})} }

func (f *failing) Read([]byte) (int, error) {
	if err := f.err; err != nil {
		f.err = nil
		return 0, err
	}
	<-f.closed
	return 0, io.ErrClosedPipe
}

func (f *failing) Close() error {
	close(f.closed)
	return nil
}

// TestWatchGoesOn: a socket that fails is opened anew, as often as it takes, and what may have been missed is told.
func TestWatchGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		opened := 0
		last := newFailing(nil)
		w := &watch{table: TableName, damaged: make(chan struct{}, 1), open: func() (io.ReadCloser, error) {
			if opened++; opened < 3 {
				return nil, errors.New("no memory")
			}
			return last, nil
		}}
		began := time.Now()
		go w.run(ctx, newFailing(syscall.ENOMEM))
		if _, open := <-w.damaged; !open {
			t.Fatal("it ended by itself")
		}
		// 0.1 s, 0.2 s, 0.4 s.
		if took := time.Since(began); opened != 3 || took != 700*time.Millisecond {
			t.Errorf("opened %d times in %v", opened, took)
		}
		// Lost reports are told at once.
		synctest.Wait()
		cancel()
		if _, open := <-w.damaged; open {
			t.Error("told of a change that was none")
		}
		synctest.Wait()
		select {
		case <-last.closed:
		default:
			t.Error("the socket was not closed")
		}
	})
}

func TestWatchTellsOfLostReports(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		w := &watch{table: TableName, damaged: make(chan struct{}, 1), open: func() (io.ReadCloser, error) { return nil, errors.New("not asked for") }}
		began := time.Now()
		go w.run(ctx, newFailing(syscall.ENOBUFS))
		<-w.damaged
		if took := time.Since(began); took != 0 {
			t.Errorf("it took %v", took)
		}
		cancel()
		for range w.damaged {
			t.Error("told again")
		}
	})
}
