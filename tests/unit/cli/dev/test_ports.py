"""Which port an Instance gets."""

from __future__ import annotations

import socket

import pytest

from gagarin.cli.dev.ports import LOOPBACK, any_free, assigned, is_free
from gagarin.cli.errors import CommandError
from gagarin.core.objects import Key

A, B, C = (Key("Instance", "default", name) for name in "abc")


def yes(_: int) -> bool:
    return True


def test_the_first_ones_begin_at_8080() -> None:
    assert assigned([A, B], {}, {}, None, yes) == {A: 8080, B: 8081}


def test_a_port_is_the_same_as_the_last_time_whoever_is_new() -> None:
    assert assigned([A, B], {}, {B: 8080}, None, yes) == {A: 8081, B: 8080}


def test_a_port_that_somebody_else_has_is_not_taken() -> None:
    assert assigned([A, B], {}, {A: 8080}, None, lambda port: port > 8081) == {A: 8082, B: 8083}


def test_the_port_of_an_instance_that_is_away_is_kept_for_it() -> None:
    assert assigned([A], {}, {B: 8080}, None, yes) == {A: 8081}


def test_a_running_instance_keeps_its_port() -> None:
    assert assigned([A, B], {B: 9000}, {B: 8081}, None, lambda port: port != 9000) == {A: 8080, B: 9000}


def test_a_number_is_the_first_ones_and_the_others_follow() -> None:
    free = {9000, 9002, 9003}.__contains__
    assert assigned([A, B, C], {}, {A: 8080}, 9000, free) == {A: 9000, B: 9002, C: 9003}


def test_zero_is_any() -> None:
    ports = assigned([A, B], {}, {A: 8080}, 0)
    assert 0 < ports[A] != ports[B]


def test_when_there_is_none_left_that_is_said() -> None:
    with pytest.raises(CommandError, match="no port from 65535 on is free"):
        assigned([A, B], {}, {}, 65535, yes)


def test_a_port_on_which_somebody_listens_is_not_free() -> None:
    port = any_free()
    assert is_free(port)
    with socket.create_server((LOOPBACK, port)):
        assert not is_free(port)
