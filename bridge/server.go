package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

const acceptPause = 100 * time.Millisecond

// errCannotRun is wrapped by the reason why COMMAND can never be started; another try would change nothing.
var errCannotRun = errors.New("the command cannot be run")

// server runs one process of COMMAND for each connection.
type server struct {
	path     string
	command  []string
	slots    chan struct{}
	reaper   *reaper
	sessions sync.WaitGroup
}

func newServer(path string, command []string, maxConnections int) *server {
	return &server{
		path:    path,
		command: command,
		slots:   make(chan struct{}, maxConnections),
		reaper:  newReaper(),
	}
}

// listen makes the socket, which any user may connect to: the containers of a pod may have different ones, and
// nobody else reaches the folder. It takes its name only when that is so, in place of a former bridge's socket.
func listen(path string) (*net.UnixListener, error) {
	if found, err := os.Lstat(path); err == nil && found.Mode().Type() != os.ModeSocket {
		return nil, fmt.Errorf("%s is there and is not a socket", path)
	}
	fresh := path + ".new"
	if err := os.Remove(fresh); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: fresh, Net: "unix"})
	if err != nil {
		return nil, err
	}
	listener.SetUnlinkOnClose(false)
	if err := errors.Join(os.Chmod(fresh, 0o666), os.Rename(fresh, path)); err != nil {
		listener.Close()
		return nil, err
	}
	return listener, nil
}

// serve accepts connections until ctx ends, or until COMMAND turns out to be impossible to run. It returns when
// the last process has ended.
func (s *server) serve(ctx context.Context, listener *net.UnixListener) error {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	defer s.sessions.Wait()
	context.AfterFunc(ctx, func() { listener.Close() })
	for {
		connection, err := listener.AcceptUnix()
		switch {
		case errors.Is(err, net.ErrClosed):
			return impossible(ctx)
		case err != nil: // out of file descriptors or memory: that may pass
			say("a connection was not accepted: %v", err)
			time.Sleep(acceptPause)
		default:
			s.admit(ctx, fail, connection)
		}
	}
}

// admit begins a session, if there is room for one.
func (s *server) admit(ctx context.Context, fail context.CancelCauseFunc, connection *net.UnixConn) {
	select {
	case s.slots <- struct{}{}:
	default:
		say("a connection was closed: there are %d already", cap(s.slots))
		connection.Close()
		return
	}
	s.sessions.Go(func() {
		defer func() { <-s.slots }()
		defer connection.Close()
		switch err := s.session(ctx, connection); {
		case errors.Is(err, errCannotRun):
			fail(err)
		case err != nil:
			say("%v", err)
		}
	})
}

// session is one connection with its process, from beginning to end.
func (s *server) session(ctx context.Context, connection *net.UnixConn) error {
	process, err := start(s.reaper, s.path, s.command)
	if err != nil {
		return startError(err)
	}
	fed, drained := make(chan struct{}), make(chan struct{})
	go func() { feed(process.stdin, connection); close(fed) }()
	go func() { drain(connection, process.stdout); close(drained) }()
	select {
	case <-process.exited:
	case <-fed:
		process.end(eofPatience)
	case <-drained:
		process.end(eofPatience)
	case <-ctx.Done():
		process.end(0)
	}
	process.signal(syscall.SIGKILL) // what it left behind in its group
	select {
	case <-drained: // all that it wrote before it ended has been passed on
	case <-time.After(drainPatience):
	}
	process.close()
	return process.fault()
}

// startError tells failures that a later try cannot mend from those that it may.
func startError(err error) error {
	for _, forever := range []error{syscall.ENOENT, syscall.EACCES, syscall.ENOEXEC, syscall.ENOTDIR, syscall.ELOOP} {
		if errors.Is(err, forever) {
			return fmt.Errorf("%w: %w", errCannotRun, err)
		}
	}
	return fmt.Errorf("no process could be started: %w", err)
}

func impossible(ctx context.Context) error {
	if cause := context.Cause(ctx); errors.Is(cause, errCannotRun) {
		return cause
	}
	return nil
}

func say(format string, values ...any) {
	fmt.Fprintf(os.Stderr, "bridge: "+format+"\n", values...)
}
