package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const actAsBridge = "TEST_ACTS_AS_BRIDGE"

// TestMain lets the test binary be the bridge, so that tests see what a container sees: a process, its exit code
// and its standard error.
func TestMain(m *testing.M) {
	if os.Getenv(actAsBridge) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// running is a bridge under test.
type running struct {
	*exec.Cmd
	t      *testing.T
	socket string
	stderr *safeBuffer
	done   chan struct{}
}

func startBridge(t *testing.T, attributes *syscall.SysProcAttr, arguments ...string) *running {
	t.Helper()
	bridge := &running{t: t, socket: filepath.Join(t.TempDir(), "s"), stderr: &safeBuffer{}, done: make(chan struct{})}
	bridge.Cmd = exec.Command(os.Args[0], append([]string{"--socket", bridge.socket}, arguments...)...)
	bridge.Env = append(os.Environ(), actAsBridge+"=1")
	bridge.Cmd.Stderr = bridge.stderr
	bridge.SysProcAttr = attributes
	bridge.WaitDelay = time.Second // for children that outlive it, with its standard error
	if err := bridge.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { _ = bridge.Wait(); close(bridge.done) }()
	t.Cleanup(func() { _ = bridge.Process.Kill(); <-bridge.done })
	return bridge
}

func (b *running) dial() *net.UnixConn {
	b.t.Helper()
	var connection net.Conn
	eventually(b.t, "the socket", func() bool {
		var err error
		connection, err = net.Dial("unix", b.socket)
		return err == nil
	})
	b.t.Cleanup(func() { connection.Close() })
	return connection.(*net.UnixConn)
}

func (b *running) exitCode() int {
	b.t.Helper()
	select {
	case <-b.done:
		return b.ProcessState.ExitCode()
	case <-time.After(20 * time.Second):
		b.t.Fatal("the bridge did not end")
		return 0
	}
}

type safeBuffer struct {
	mutex sync.Mutex
	bytes bytes.Buffer
}

func (b *safeBuffer) Write(data []byte) (int, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.bytes.Write(data)
}

func (b *safeBuffer) String() string {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.bytes.String()
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if holds() {
			return
		}
	}
	t.Fatalf("still waiting for %s", what)
}

func exchange(t *testing.T, connection net.Conn, line string) string {
	t.Helper()
	fmt.Fprintln(connection, line)
	return readLine(t, connection)
}

func readLine(t *testing.T, connection net.Conn) string {
	t.Helper()
	_ = connection.SetReadDeadline(time.Now().Add(20 * time.Second))
	answer, err := bufio.NewReader(connection).ReadString('\n')
	if err != nil {
		t.Fatalf("no line: %v", err)
	}
	return strings.TrimSuffix(answer, "\n")
}

func waitForEnd(t *testing.T, connection net.Conn) string {
	t.Helper()
	_ = connection.SetReadDeadline(time.Now().Add(20 * time.Second))
	rest, err := io.ReadAll(connection)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal("the connection was not closed")
	}
	return string(rest)
}

func alive(pid string) bool {
	state, err := os.ReadFile("/proc/" + pid + "/stat")
	return err == nil && !strings.Contains(string(state), ") Z ")
}

func TestEachConnectionHasItsOwnProcess(t *testing.T) {
	bridge := startBridge(t, nil, "--", "sh", "-c", "read line; echo $$ $line; cat")
	first, second := bridge.dial(), bridge.dial()
	one, two := exchange(t, first, "a"), exchange(t, second, "b")
	if !strings.HasSuffix(one, " a") || !strings.HasSuffix(two, " b") || strings.Fields(one)[0] == strings.Fields(two)[0] {
		t.Fatalf("%q, %q", one, two)
	}
	if echoed := exchange(t, first, "again"); echoed != "again" {
		t.Fatalf("%q", echoed)
	}
}

func TestBytesGoThroughAsTheyAre(t *testing.T) {
	bridge := startBridge(t, nil, "--", "cat")
	connection := bridge.dial()
	sent := bytes.Repeat([]byte("\x00\xff\r\n{}"), 1<<20)
	go func() { _, _ = connection.Write(sent); _ = connection.CloseWrite() }()
	if got := waitForEnd(t, connection); got != string(sent) {
		t.Fatalf("%d bytes came back of %d", len(got), len(sent))
	}
}

func TestTheSocketIsForEveryUser(t *testing.T) {
	bridge := startBridge(t, nil, "--", "cat")
	bridge.dial()
	if found, err := os.Stat(bridge.socket); err != nil || found.Mode().Perm() != 0o666 {
		t.Fatalf("%v %v", found, err)
	}
}

func TestTheSocketOfAFormerBridgeIsReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	for range 2 {
		listener, err := listen(path)
		if err != nil {
			t.Fatal(err)
		}
		connection, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		connection.Close()
		listener.Close()
	}
	if err := os.WriteFile(path+".file", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := listen(path + ".file"); err == nil {
		t.Fatal("a file was taken for a socket")
	}
}

func TestStandardErrorIsPassedOn(t *testing.T) {
	bridge := startBridge(t, nil, "--", "sh", "-c", "echo a word >&2; exec cat")
	bridge.dial()
	eventually(t, "standard error", func() bool { return strings.Contains(bridge.stderr.String(), "a word\n") })
}

func TestAProcessThatEndsClosesItsConnectionAfterItsLastWords(t *testing.T) {
	bridge := startBridge(t, nil, "--", "sh", "-c", "echo bye; exit 3")
	if last := waitForEnd(t, bridge.dial()); last != "bye\n" {
		t.Fatalf("%q", last)
	}
	eventually(t, "the exit status", func() bool {
		return strings.Contains(bridge.stderr.String(), "ended with exit status 3")
	})
}

func TestAProcessEndedByASignalIsTold(t *testing.T) {
	bridge := startBridge(t, nil, "--", "sh", "-c", "kill -SEGV $$")
	waitForEnd(t, bridge.dial())
	eventually(t, "the signal", func() bool {
		return strings.Contains(bridge.stderr.String(), "was ended by a signal: segmentation fault")
	})
}

func TestAProcessEndsWithItsInput(t *testing.T) {
	bridge := startBridge(t, nil, "--", "sh", "-c", "trap 'echo killed >&2' TERM; echo $$; cat; echo ended by itself >&2")
	connection := bridge.dial()
	pid := readLine(t, connection)
	connection.Close()
	eventually(t, "the end", func() bool { return !alive(pid) })
	if said := bridge.stderr.String(); said != "ended by itself\n" {
		t.Fatalf("%q", said)
	}
}

func TestAProcessThatGoesOnIsEndedWithItsWholeGroup(t *testing.T) {
	bridge := startBridge(t, nil, "--", "sh", "-c", "sleep 1000 & echo $! $$; exec sleep 1000")
	connection := bridge.dial()
	pids := strings.Fields(readLine(t, connection))
	connection.Close()
	eventually(t, "the end of both", func() bool { return !alive(pids[0]) && !alive(pids[1]) })
}

func TestAProcessThatIgnoresSigtermIsKilled(t *testing.T) {
	bridge := startBridge(t, nil, "--", "sh", "-c", "trap '' TERM; echo $$; while :; do sleep 0.1; done")
	connection := bridge.dial()
	pid := readLine(t, connection)
	connection.Close()
	eventually(t, "the end", func() bool { return !alive(pid) })
}

func TestAClientThatLeavesIsNoticedWhileTheProcessDoesNotRead(t *testing.T) {
	bridge := startBridge(t, nil, "--", "sh", "-c", "echo $$; exec sleep 1000")
	connection := bridge.dial()
	pid := readLine(t, connection)
	_ = connection.SetWriteDeadline(time.Now().Add(200 * time.Millisecond))
	if _, err := connection.Write(make([]byte, 10<<20)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("the process read: %v", err)
	}
	if !alive(pid) {
		t.Fatal("the process ended while its client was there")
	}
	connection.Close()
	eventually(t, "the end", func() bool { return !alive(pid) })
}

func TestWhatAProcessLeavesBehindIsEnded(t *testing.T) {
	bridge := startBridge(t, nil, "--", "sh", "-c", "sleep 1000 & echo $!")
	connection := bridge.dial()
	pid := readLine(t, connection)
	waitForEnd(t, connection)
	eventually(t, "the end", func() bool { return !alive(pid) })
}

func TestConnectionsBeyondTheBoundAreClosed(t *testing.T) {
	bridge := startBridge(t, nil, "--max-connections", "1", "--", "cat")
	first := bridge.dial()
	if answer := exchange(t, first, "x"); answer != "x" {
		t.Fatalf("%q", answer)
	}
	if rest := waitForEnd(t, bridge.dial()); rest != "" {
		t.Fatalf("%q", rest)
	}
	eventually(t, "the reason", func() bool { return strings.Contains(bridge.stderr.String(), "there are 1 already") })
	first.Close()
	eventually(t, "a free place", func() bool {
		connection := bridge.dial()
		defer connection.Close()
		fmt.Fprintln(connection, "y")
		_ = connection.SetReadDeadline(time.Now().Add(time.Second))
		answer, _ := bufio.NewReader(connection).ReadString('\n')
		return answer == "y\n"
	})
}

func TestSigtermEndsEverything(t *testing.T) {
	bridge := startBridge(t, nil, "--", "sh", "-c", "echo $$; exec sleep 1000")
	connection := bridge.dial()
	pid := readLine(t, connection)
	_ = bridge.Process.Signal(syscall.SIGTERM)
	if code := bridge.exitCode(); code != 0 {
		t.Fatalf("exit code %d: %s", code, bridge.stderr)
	}
	if _, err := os.Stat(bridge.socket); alive(pid) || !errors.Is(err, os.ErrNotExist) {
		t.Fatal("something is left")
	}
}

func TestAnOrphanIsReapedByTheFirstProcessOfItsNamespace(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("a process namespace needs root")
	}
	bridge := startBridge(t, &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID},
		"--", "sh", "-c", "(setsid sh -c 'exit 0' &); cat")
	connection := bridge.dial()
	exchange(t, connection, "x")
	// Each thread has a list of its own: of the processes that it started, and of orphans.
	lists := fmt.Sprintf("/proc/%d/task/*/children", bridge.Process.Pid)
	eventually(t, "one child", func() bool {
		count := 0
		paths, _ := filepath.Glob(lists)
		for _, path := range paths {
			pids, _ := os.ReadFile(path)
			count += len(strings.Fields(string(pids)))
		}
		return count == 1
	})
}

func TestACommandThatCannotRunEndsTheBridge(t *testing.T) {
	script := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(script, []byte("#!/no/such/interpreter\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	nothing := filepath.Join(t.TempDir(), "nothing")
	if err := os.WriteFile(nothing, []byte("no program"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, each := range []struct {
		command string
		code    int
		connect bool
	}{
		{"no-such-command", exitNotFound, false},
		{"/no/such/command", exitNotFound, false},
		{"/etc/passwd", exitNotExecutable, false},
		{script, exitNotFound, true},
		{nothing, exitNotExecutable, true},
	} {
		bridge := startBridge(t, nil, "--", each.command)
		if each.connect {
			waitForEnd(t, bridge.dial())
		}
		if code := bridge.exitCode(); code != each.code || !strings.Contains(bridge.stderr.String(), each.command) {
			t.Errorf("%s: exit code %d, %q", each.command, code, bridge.stderr)
		}
	}
}

func TestAWrongCommandLineShowsTheUsage(t *testing.T) {
	for _, arguments := range [][]string{
		{}, {"install"}, {"install", "a", "b"}, {"--socket", "s"}, {"--", "cat"}, {"--nonsense"},
		{"--max-connections", "0", "--socket", "s", "--", "cat"},
	} {
		err := run(arguments)
		if exitCode(err) != 2 || !strings.Contains(err.Error(), "usage:") {
			t.Errorf("%q: %v", arguments, err)
		}
	}
}

func TestASocketThatCannotBeMadeIsAnError(t *testing.T) {
	for _, path := range []string{"/no/such/folder/s", filepath.Join(t.TempDir(), strings.Repeat("s", 120))} {
		err := run([]string{"--socket", path, "--", "cat"})
		if err == nil || exitCode(err) != 1 {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestInstallReplacesACopyThatRuns(t *testing.T) {
	folder := t.TempDir()
	for range 2 {
		if err := install(folder); err != nil {
			t.Fatal(err)
		}
		copied := exec.Command(filepath.Join(folder, "bridge"), "--nonsense")
		copied.Env = append(os.Environ(), actAsBridge+"=1")
		output, _ := copied.CombinedOutput()
		if copied.ProcessState.ExitCode() != 2 || !strings.Contains(string(output), "usage:") {
			t.Fatalf("%s", output)
		}
	}
	entries, _ := os.ReadDir(folder)
	found, err := os.Stat(filepath.Join(folder, "bridge"))
	if err != nil || found.Mode().Perm() != 0o755 || len(entries) != 1 {
		t.Fatalf("%v %v %v", found, entries, err)
	}
	if install("/no/such/folder") == nil {
		t.Fatal("there is no such folder")
	}
}
