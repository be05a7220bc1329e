package main

import (
	"io"
	"os"
	"path/filepath"
)

// install copies the running program to folder/bridge, executable for everybody: the container that runs it has
// another user. A copy that is there already is replaced in one step, for it may be running.
func install(folder string) error {
	source, err := os.Open("/proc/self/exe")
	if err != nil {
		return err
	}
	defer source.Close()
	copied, err := os.CreateTemp(folder, ".bridge-*")
	if err != nil {
		return err
	}
	defer os.Remove(copied.Name())
	defer copied.Close()
	if _, err := io.Copy(copied, source); err != nil {
		return err
	}
	if err := copied.Chmod(0o755); err != nil {
		return err
	}
	if err := copied.Close(); err != nil {
		return err
	}
	return os.Rename(copied.Name(), filepath.Join(folder, "bridge"))
}
