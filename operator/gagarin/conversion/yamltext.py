"""YAML text as Kubernetes reads it, with the place of every field; and values written as such text.

Refused, with line and column: what is not YAML or has no meaning in JSON, a key given twice (the second would
silently win), aliases (a few lines of them become gigabytes, and nobody sees in a review what they stand for)
and nesting that no object has. Dates and `12:30` are text, and `y` is true, as they are for kubectl.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, NoReturn

import yaml

MOST_NESTED = 100
_TAB = "there is a tab here; YAML is indented with spaces"
FieldPath = Sequence[str | int]


class Mark(NamedTuple):
    """A place in a file; line and column count from 1."""

    file: str
    line: int
    column: int


class Document(NamedTuple):
    """One document: its value as JSON has it, and the nodes that know where each part stands."""

    file: str
    value: Any
    node: yaml.Node


class YamlError(ValueError):
    """A text that is not taken: the place, and what is wrong there."""

    def __init__(self, mark: Mark, problem: str) -> None:
        super().__init__(f"line {mark.line}, column {mark.column}: {problem}")
        self.mark = mark
        self.problem = problem


class _Loader(yaml.CSafeLoader):
    """Plain scalars as kubectl takes them: timestamps and numbers to the base of 60 are text, `y` is true."""

    bool_values = {**yaml.CSafeLoader.bool_values, "y": True, "n": False}  # noqa: RUF012 -- as in its base


_INTEGER = re.compile(r"^(?:[-+]?0b[0-1_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+)$")
_FLOAT = re.compile(
    r"^(?:[-+]?(?:[0-9][0-9_]*)\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
)
_COLLECTIONS = {"tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"}
_OURS = {"tag:yaml.org,2002:int": _INTEGER, "tag:yaml.org,2002:float": _FLOAT}
_Loader.yaml_implicit_resolvers = {
    first: [(tag, _OURS.get(tag, pattern)) for tag, pattern in known if tag != "tag:yaml.org,2002:timestamp"]
    for first, known in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}
_Y_OR_N = re.compile(r"^[yYnN]$")
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", _Y_OR_N, list("yYnN"))


def documents(file: str, text: str) -> Iterator[Document]:
    """The documents in a text, empty ones left out. Raises `YamlError`."""
    try:
        _refuse_traps(file, text)
        loader = _Loader(text)
        try:
            while loader.check_node():
                node = loader.get_node()
                assert node is not None  # check_node said there is one
                value = _Reader(file, loader).value(node)
                if value is not None:
                    yield Document(file, value, node)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        problem = _TAB if _is_at_tab(text, error.problem_mark) else error.problem
        raise YamlError(mark_of(file, error.problem_mark), f"not valid YAML: {problem}") from error
    except YamlError:
        raise
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a number that is none
        raise YamlError(Mark(file, 1, 1), f"not valid YAML: {error}") from error


def _is_at_tab(text: str, mark: Any) -> bool:
    """What the library says of a tab does not name it."""
    lines = text.split("\n")[mark.line : mark.line + 1] if mark else []
    return any(line[mark.column :].startswith("\t") for line in lines)


def mark_of(file: str, mark: Any) -> Mark:
    """The place that the YAML library means; None is the beginning of the file."""
    return Mark(file, mark.line + 1, mark.column + 1) if mark else Mark(file, 1, 1)


def place_in(file: str, node: yaml.Node, path: FieldPath) -> Mark:
    """Where a field stands: its key, or the nearest thing around it that is there.

    A list is gone into by number, or by the `name` of an item.
    """
    found = node
    for part in path:
        following = _step(node, part)
        if following is None:
            break
        found, node = following
    return mark_of(file, found.start_mark)


def _step(node: yaml.Node, part: str | int) -> tuple[yaml.Node, yaml.Node] | None:
    """What to point at for this part, and what to go on from."""
    if isinstance(node, yaml.MappingNode):
        return next(((key, value) for key, value in node.value if key.value == part), None)
    if not isinstance(node, yaml.SequenceNode):
        return None
    if isinstance(part, int):
        return (node.value[part], node.value[part]) if part < len(node.value) else None
    return next(((item, item) for item in node.value if _name_of(item) == part), None)


def _name_of(node: yaml.Node) -> str | None:
    named = _step(node, "name") if isinstance(node, yaml.MappingNode) else None
    return str(named[1].value) if named else None


def _refuse_traps(file: str, text: str) -> None:
    """Looks at the events alone: making nodes of deep nesting would end the process."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.AliasEvent):
            problem = f"the alias *{event.anchor} is not taken: write out what it stands for"
            raise YamlError(mark_of(file, event.start_mark), problem)
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MOST_NESTED:
            problem = f"nested more than {MOST_NESTED} times"
            raise YamlError(mark_of(file, event.start_mark), problem)


class _Reader:
    """Makes values of nodes."""

    def __init__(self, file: str, loader: _Loader) -> None:
        self._file = file
        self._loader = loader

    def value(self, node: yaml.Node) -> Any:
        if isinstance(node, yaml.CollectionNode):
            if node.tag not in _COLLECTIONS:
                self._refuse(node, f"not valid YAML: there is no tag {node.tag} here")
            if isinstance(node, yaml.MappingNode):
                return self._mapping(node)
            return [self.value(item) for item in node.value]
        value = self._loader.construct_object(node)
        if value is None or isinstance(value, str | bool | int):
            return value
        if isinstance(value, float) and abs(value) < float("inf"):
            return value
        return self._refuse(node, f"{node.value!r} has no meaning in JSON; put it in quotes")

    def _mapping(self, node: yaml.MappingNode) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = self._key(key_node)
            if key in found:
                self._refuse(key_node, f"the key {key!r} is there twice")
            found[key] = self.value(value_node)
        return found

    def _key(self, node: yaml.Node) -> str:
        if not isinstance(node, yaml.ScalarNode):
            self._refuse(node, "a key is a string")
        return str(node.value)

    def _refuse(self, node: yaml.Node, problem: str) -> NoReturn:
        raise YamlError(mark_of(self._file, node.start_mark), problem)


def as_yaml(value: Any) -> str:
    """One document, keys in the order they were made, text of several lines as a block. Reading it, here or
    by kubectl, gives the same value."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, width=110, allow_unicode=True)


class _Dumper(yaml.SafeDumper):
    """Lists indented below their key, never an anchor."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        return True


# What YAML 1.1 also takes for the end of a line; only a quoted text can hold it, escaped.
_LINE_ENDS = re.compile("[\r\x85\u2028\u2029\ufeff]")


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = '"' if _LINE_ENDS.search(text) else "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)
_Dumper.add_implicit_resolver("tag:yaml.org,2002:bool", _Y_OR_N, list("yYnN"))
