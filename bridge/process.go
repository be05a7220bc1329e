package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"
)

const (
	eofPatience   = 2 * time.Second // for a process to end by itself once its input has ended
	killPatience  = 5 * time.Second // from SIGTERM to SIGKILL
	drainPatience = time.Second     // for a client to take the last words of a process that has ended
	stallCheck    = time.Second     // how often to look for the client while a process does not read
	chunk         = 64 << 10
)

// process is one run of COMMAND, the leader of its own process group.
type process struct {
	*child
	name   string
	stdin  *os.File
	stdout *os.File
	ended  bool // by a signal of ours
}

// start runs the command with pipes as input and output, as programs expect them, and our own standard error.
func start(reaper *reaper, path string, command []string) (*process, error) {
	input, stdin, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer input.Close()
	stdout, output, err := os.Pipe()
	if err != nil {
		stdin.Close()
		return nil, err
	}
	defer output.Close()
	child, err := reaper.start(path, command, &syscall.ProcAttr{
		Env:   os.Environ(),
		Files: []uintptr{input.Fd(), output.Fd(), os.Stderr.Fd()},
		Sys:   &syscall.SysProcAttr{Setpgid: true},
	})
	if err != nil {
		stdin.Close()
		stdout.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &process{child: child, name: path, stdin: stdin, stdout: stdout}, nil
}

// end lets the process end: first by itself, after `patience` by SIGTERM, at last by SIGKILL.
func (p *process) end(patience time.Duration) {
	p.stdin.Close()
	if p.exitedWithin(patience) {
		return
	}
	p.ended = true
	p.signal(syscall.SIGTERM)
	if p.exitedWithin(killPatience) {
		return
	}
	p.signal(syscall.SIGKILL)
	<-p.exited
}

func (p *process) exitedWithin(patience time.Duration) bool {
	select {
	case <-p.exited:
		return true
	case <-time.After(patience):
		return false
	}
}

// signal reaches the whole group; a group that is gone is no error.
func (p *process) signal(number syscall.Signal) { _ = syscall.Kill(-p.pid, number) }

func (p *process) close() {
	p.stdin.Close()
	p.stdout.Close()
}

// fault says how the process ended, unless that was our doing.
func (p *process) fault() error {
	switch {
	case p.ended:
		return nil
	case p.status.Signaled():
		return fmt.Errorf("%s (pid %d) was ended by a signal: %v", p.name, p.pid, p.status.Signal())
	case p.status.ExitStatus() != 0:
		return fmt.Errorf("%s (pid %d) ended with exit status %d", p.name, p.pid, p.status.ExitStatus())
	}
	return nil
}

// feed gives the process what the client sends, until either is gone.
func feed(stdin *os.File, connection *net.UnixConn) {
	buffer := make([]byte, chunk)
	for {
		count, err := connection.Read(buffer)
		if count > 0 && !written(stdin, buffer[:count], connection) {
			return
		}
		if err != nil {
			return
		}
	}
}

// written gives up when the client goes away: a process that never reads would otherwise live for ever.
func written(stdin *os.File, data []byte, connection *net.UnixConn) bool {
	for {
		_ = stdin.SetWriteDeadline(time.Now().Add(stallCheck))
		count, err := stdin.Write(data)
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return err == nil
		}
		data = data[count:]
		if gone(connection) {
			return false
		}
	}
}

// gone tells whether the client has closed the connection, even while there is unread data of its: sending
// nothing then fails with EPIPE.
func gone(connection *net.UnixConn) bool {
	raw, err := connection.SyscallConn()
	if err != nil {
		return true
	}
	var failure error
	err = raw.Control(func(descriptor uintptr) {
		failure = syscall.Sendto(int(descriptor), nil, syscall.MSG_NOSIGNAL|syscall.MSG_DONTWAIT, nil)
	})
	return err != nil || errors.Is(failure, syscall.EPIPE)
}

// drain gives the client what the process writes, until either is gone.
func drain(connection *net.UnixConn, stdout *os.File) { _, _ = io.Copy(connection, stdout) }
