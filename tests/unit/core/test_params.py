"""Parameters: named as each vendor wants them, replaced one by one, and never what the server sets itself."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gagarin.api.params import Params, ParamsPatch
from gagarin.core.params import RESERVED, reserved_in, wire
from gagarin.core.vendors import VENDORS

TYPED = st.fixed_dictionaries(
    {},
    optional={
        "temperature": st.floats(0, 2),
        "topP": st.floats(0, 1),
        "maxTokens": st.integers(1, 1000),
        "seed": st.integers(-10, 10),
        "stop": st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=4),
        "reasoningEffort": st.sampled_from(["None", "Low", "XHigh"]),
        "extraParams": st.dictionaries(
            st.sampled_from(["top_k", "verbosity", "model", "stream"]), st.integers()
        ),
    },
)
NULL = st.fixed_dictionaries(
    {}, optional={name: st.none() for name in ("temperature", "maxTokens", "stop", "extraParams")}
)


def sent(
    params: dict[str, Any] | None, patch: dict[str, Any] | None = None, vendor: str = "OpenAI"
) -> dict[str, Any]:
    return wire(
        VENDORS[vendor],
        None if params is None else Params.model_validate(params),
        None if patch is None else ParamsPatch.model_validate(patch),
    )


def test_fields_are_named_as_on_the_wire() -> None:
    assert sent({"temperature": 0, "topP": 0.5, "stop": ["END"], "reasoningEffort": "XHigh", "seed": 1}) == {
        "temperature": 0,
        "top_p": 0.5,
        "stop": ["END"],
        "reasoning_effort": "xhigh",
        "seed": 1,
    }


@pytest.mark.parametrize(
    ("vendor", "names"),
    [
        ("OpenAI", {"max_completion_tokens", "seed"}),
        ("Azure", {"max_completion_tokens", "seed"}),
        ("Mistral", {"max_tokens", "random_seed"}),
        ("Ollama", {"max_tokens", "seed"}),
        ("OpenAICompatible", {"max_tokens", "seed"}),
    ],
)
def test_a_vendor_has_its_own_names(vendor: str, names: set[str]) -> None:
    assert sent({"maxTokens": 5, "seed": 1}, vendor=vendor).keys() == names


def test_extra_params_are_sent_as_they_are_and_win() -> None:
    sent_params = sent({"temperature": 1, "extraParams": {"temperature": 0.1, "nested": {"a": [1]}}})
    assert sent_params == {"temperature": 0.1, "nested": {"a": [1]}}


def test_a_patch_replaces_adds_and_takes_away() -> None:
    params = {"temperature": 1, "maxTokens": 5, "extraParams": {"a": 1, "b": 2}}
    patch = {"temperature": None, "maxTokens": 6, "topP": 1, "extraParams": {"a": None, "c": 3}}
    assert sent(params, patch) == {"max_completion_tokens": 6, "top_p": 1, "b": 2, "c": 3}


def test_a_patch_can_take_all_extra_params_away() -> None:
    assert sent({"extraParams": {"a": 1}}, {"extraParams": None}) == {}


def test_reserved_fields_are_named() -> None:
    assert reserved_in(Params.model_validate({"extraParams": {"tools": [], "model": "x", "a": 1}})) == [
        "model",
        "tools",
    ]
    assert reserved_in(None) == []


@given(TYPED, TYPED | NULL)
def test_nothing_reserved_and_nothing_empty_is_ever_sent(
    params: dict[str, Any], patch: dict[str, Any]
) -> None:
    fields = sent(params, patch)
    assert not RESERVED & fields.keys()
    assert None not in fields.values()


@given(TYPED)
def test_an_empty_patch_changes_nothing(params: dict[str, Any]) -> None:
    assert sent(params, {}) == sent(params)


@given(TYPED)
def test_a_patch_of_the_same_changes_nothing(params: dict[str, Any]) -> None:
    assert sent(params, params) == sent(params)


@given(TYPED, TYPED)
def test_a_patch_wins_over_what_is_typed(params: dict[str, Any], patch: dict[str, Any]) -> None:
    params.pop("extraParams", None)
    assert sent(patch).items() <= sent(params, patch).items()
