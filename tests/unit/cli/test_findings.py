"""Findings for people, for programs, for GitHub."""

from __future__ import annotations

import json

from gagarin.cli.findings import Finding, as_github, as_json, as_lines, summary

ERROR = Finding("a,b.yaml", 3, 5, "error", "RefNotFound", "Agent team/a", "spec.x: 100% gone\nreally")
WARNING = Finding("c.yaml", 1, 1, "warning", "syntax", "", "odd")


def test_people_see_a_line_each_and_how_many_there_are() -> None:
    assert as_lines([WARNING, ERROR, ERROR]).plain.splitlines() == [
        "c.yaml:1:1: warning syntax: odd",
        "a,b.yaml:3:5: error RefNotFound: Agent team/a: spec.x: 100% gone",
        "really",
        "a,b.yaml:3:5: error RefNotFound: Agent team/a: spec.x: 100% gone",
        "really",
        "2 errors, 1 warning",
    ]


def test_nothing_found_is_said() -> None:
    assert summary([]) == "nothing to complain about"


def test_programs_get_every_part_by_name() -> None:
    told = json.loads(as_json([ERROR]))
    assert (told["errors"], told["warnings"]) == (1, 0)
    assert told["findings"] == [
        {
            "file": "a,b.yaml",
            "line": 3,
            "column": 5,
            "severity": "error",
            "rule": "RefNotFound",
            "object": "Agent team/a",
            "message": "spec.x: 100% gone\nreally",
        }
    ]


def test_github_gets_commands_in_which_nothing_is_taken_for_syntax() -> None:
    assert as_github([ERROR, WARNING]).splitlines() == [
        "::error file=a%2Cb.yaml,line=3,col=5,title=RefNotFound::Agent team/a: spec.x: 100%25 gone%0Areally",
        "::warning file=c.yaml,line=1,col=1,title=syntax::odd",
    ]
