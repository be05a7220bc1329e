// Bridge joins a program that speaks over its standard input and output with a Unix socket, so that a server of
// the Model Context Protocol can run in a container of its own beside the chat server.
//
//	bridge install DIR                          copies itself to DIR/bridge
//	bridge --socket PATH -- COMMAND [ARG...]    runs COMMAND once for each connection to PATH
//
// It knows nothing of the protocol: bytes go through as they are. It is the first process of a container whose
// image it knows nothing about, so it is one static file, reaps orphans, and ends whole process groups.
// What it says goes to standard error; what ends it also into the container's termination message.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
)

const (
	usage = `usage:
  bridge install DIR
  bridge [--max-connections N] --socket PATH -- COMMAND [ARGUMENT...]`

	terminationLog = "/dev/termination-log"

	// The shell's exit codes for a command that cannot be run, and for one that is not there.
	exitNotExecutable = 126
	exitNotFound      = 127
)

// errUsage is a command line that makes no sense; its message is for the user.
type errUsage string

func (e errUsage) Error() string { return string(e) + "\n" + usage }

// options are what a command line asks for when it is not an installation.
type options struct {
	socket         string
	maxConnections int
	command        []string
}

func main() {
	err := run(os.Args[1:])
	if err == nil {
		return
	}
	message := fmt.Sprintf("bridge: %v\n", err)
	fmt.Fprint(os.Stderr, message)
	leaveTerminationMessage(message)
	os.Exit(exitCode(err))
}

func run(arguments []string) error {
	if len(arguments) > 0 && arguments[0] == "install" {
		if len(arguments) != 2 {
			return errUsage("install takes one folder")
		}
		return install(arguments[1])
	}
	options, err := parse(arguments)
	if err != nil {
		return err
	}
	return bridge(options)
}

func parse(arguments []string) (options, error) {
	var parsed options
	flags := flag.NewFlagSet("bridge", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&parsed.socket, "socket", "", "")
	flags.IntVar(&parsed.maxConnections, "max-connections", 16, "")
	if err := flags.Parse(arguments); err != nil {
		return parsed, errUsage(err.Error())
	}
	parsed.command = flags.Args()
	switch {
	case parsed.socket == "":
		return parsed, errUsage("--socket is missing")
	case len(parsed.command) == 0:
		return parsed, errUsage("COMMAND is missing")
	case parsed.maxConnections < 1:
		return parsed, errUsage("--max-connections has to be at least 1")
	}
	return parsed, nil
}

// bridge serves until a signal ends it, or until it is clear that COMMAND can never run.
func bridge(options options) error {
	path, err := exec.LookPath(options.command[0])
	if err != nil {
		return fmt.Errorf("%w: %w", errCannotRun, err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	defer stop()
	listener, err := listen(options.socket)
	if err != nil {
		return err
	}
	defer os.Remove(options.socket)
	return newServer(path, options.command, options.maxConnections).serve(ctx, listener)
}

func exitCode(err error) int {
	var usage errUsage
	switch {
	case errors.As(err, &usage):
		return 2
	case !errors.Is(err, errCannotRun):
		return 1
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, fs.ErrNotExist):
		return exitNotFound
	}
	return exitNotExecutable
}

// leaveTerminationMessage tells the kubelet, and so `kubectl describe`, why the container ended. Outside of a
// container there is no such file, and nothing to do.
func leaveTerminationMessage(message string) {
	file, err := os.OpenFile(terminationLog, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return
	}
	defer file.Close()
	_, _ = file.WriteString(message)
}
