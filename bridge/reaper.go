package main

import (
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// child is a process that the reaper looks after. status holds once exited is closed.
type child struct {
	pid    int
	status syscall.WaitStatus
	exited chan struct{}
}

// reaper waits for every child of this process: those it started, and the orphans that fall to the first process
// of a container. It has to be the only one who waits, so nothing here starts a process with os/exec.
type reaper struct {
	mutex    sync.Mutex
	children map[int]*child
}

func newReaper() *reaper {
	r := &reaper{children: map[int]*child{}}
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGCHLD)
	go func() {
		for range ended {
			r.reap()
		}
	}()
	return r
}

// start runs a program. The lock is held so that a child that ends at once is known before it is reaped.
func (r *reaper) start(path string, command []string, attributes *syscall.ProcAttr) (*child, error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	pid, err := syscall.ForkExec(path, command, attributes)
	if err != nil {
		return nil, err
	}
	started := &child{pid: pid, exited: make(chan struct{})}
	r.children[pid] = started
	return started, nil
}

// reap takes every child that has ended: one signal may stand for several.
func (r *reaper) reap() {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
		if err == syscall.EINTR {
			continue
		}
		if err != nil || pid == 0 {
			return
		}
		if ended, ours := r.children[pid]; ours {
			delete(r.children, pid)
			ended.status = status
			close(ended.exited)
		}
	}
}
