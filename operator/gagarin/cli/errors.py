"""What can go wrong at the command line.

CommandError            shown as one line with what to do; exit status 1, or 2 where 1 has another meaning
+-- ManifestError       a file is not a readable Kubernetes manifest
+-- StartError          a program that `gagarin dev` starts did not become ready
"""

from __future__ import annotations


class CommandError(Exception):
    """Ends the command with a message for the person who ran it."""


class ManifestError(CommandError):
    """A file cannot be taken as manifests: says the file, the line and column (from 1), and what is wrong."""

    def __init__(self, file: str, line: int, column: int, problem: str) -> None:
        super().__init__(f"{file}:{line}:{column}: {problem}")
        self.file = file
        self.line = line
        self.column = column
        self.problem = problem


class StartError(CommandError):
    """A child process ended, or stayed silent, before it was ready."""
