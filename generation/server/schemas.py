"""From a closed part of JSON Schema to a grammar of llama.cpp (GBNF). Pure.

Callers never send grammars: malformed ones have crashed the library. What is not
listed here is refused by its path. A grammar may be narrower than its schema,
never wider: strings, arrays and numbers are bounded so that an answer ends.
Syntax: https://github.com/ggml-org/llama.cpp/blob/master/grammars/README.md
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

MAX_DEPTH = 6
MAX_NODES = 120
# llama.cpp spells a repetition out: thousands have exhausted its stack.
MAX_CHARS = 400
MAX_ITEMS = 32
# Bounds where the schema has none.
USUAL_CHARS = 200
USUAL_ITEMS = 12
# Largest range of whole numbers that is listed one by one.
MAX_RANGE = 200
ANY_DEPTH = 3

_NOTES = {"title", "description", "default", "examples", "$schema", "$id"}
_SHARED = r"""
char ::= [^"\\\x00-\x1F\x7F] | "\\" ["\\/bfnrt]
integer ::= "-"? ("0" | [1-9] [0-9]{0,14})
natural ::= "0" | [1-9] [0-9]{0,14}
number ::= integer ("." [0-9]{1,9})?
boolean ::= "true" | "false"
null ::= "null"
""".lstrip()


class SchemaUnsupported(ValueError):
    """A schema holds what is not in the closed part; says where and what."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path, self.reason = path, reason


def compile_schema(schema: Mapping[str, Any]) -> str:
    """Return the grammar of the JSON texts that ``schema`` accepts, or a part of them.

    Raises:
        SchemaUnsupported
    """
    return _Compiler().run(schema)


def any_object() -> str:
    """Return the grammar of any JSON object, ``ANY_DEPTH`` levels deep."""
    lines = [_SHARED + f'text ::= "\\"" char{{0,{USUAL_CHARS}}} "\\""']
    inner = "text | number | boolean | null"
    for depth in range(ANY_DEPTH):
        lines.append(f"value{depth} ::= {inner}")
        pair = f'text ": " value{depth}'
        more = f'(", " {pair}){{0,{USUAL_ITEMS}}}'
        lines.append(f'object{depth} ::= "{{" ({pair} {more})? "}}"')
        items = f'(value{depth} (", " value{depth}){{0,{USUAL_ITEMS}}})?'
        lines.append(f'array{depth} ::= "[" {items} "]"')
        inner = f"value{depth} | object{depth} | array{depth}"
    lines.append(f"root ::= object{ANY_DEPTH - 1}")
    return "\n".join(lines)


class _Compiler:
    def __init__(self) -> None:
        self._rules: list[str] = []

    def run(self, schema: Mapping[str, Any]) -> str:
        top = self._rule(schema, "$", 0)
        return "\n".join([_SHARED.rstrip(), *self._rules, f"root ::= {top}"])

    def _rule(self, schema: Any, path: str, depth: int) -> str:
        """Return the name of a rule for ``schema``."""
        if not isinstance(schema, Mapping):
            raise SchemaUnsupported(path, "must be an object")
        if depth > MAX_DEPTH or len(self._rules) >= MAX_NODES:
            raise SchemaUnsupported(path, "the schema is too deep or too large")
        body = self._body(schema, path, depth)
        name = f"rule{len(self._rules)}"
        self._rules.append(f"{name} ::= {body}")
        return name

    def _body(self, schema: Mapping[str, Any], path: str, depth: int) -> str:
        words = {key: value for key, value in schema.items() if key not in _NOTES}
        if "enum" in words or "const" in words:
            return _constants(words, path)
        if "anyOf" in words:
            return self._choice(words, path, depth)
        kind = words.pop("type", None)
        if isinstance(kind, list) and kind:
            only = [{**_words_of(words, one, kind), "type": one} for one in kind]
            return self._choice({"anyOf": only}, path, depth)
        if kind == "object":
            return self._object(words, path, depth)
        if kind == "array":
            return self._array(words, path, depth)
        if not isinstance(kind, str) or kind not in _SCALARS:
            raise SchemaUnsupported(path, f"type {kind!r} is not supported")
        return _SCALARS[kind](words, path)

    def _choice(self, words: Mapping[str, Any], path: str, depth: int) -> str:
        options = _closed(words, {"anyOf"}, path)["anyOf"]
        if not isinstance(options, list) or not 0 < len(options) <= MAX_ITEMS:
            raise SchemaUnsupported(path, "anyOf must list 1 to 32 schemas")
        names = [
            self._rule(option, f"{path}.anyOf[{index}]", depth + 1)
            for index, option in enumerate(options)
        ]
        return " | ".join(names)

    def _object(self, words: Mapping[str, Any], path: str, depth: int) -> str:
        known = {"properties", "required", "additionalProperties"}
        words = _closed(words, known, path)
        if not isinstance(words.get("additionalProperties", False), bool):
            raise SchemaUnsupported(path, "additionalProperties must be true or false")
        properties = words.get("properties", {})
        if not isinstance(properties, Mapping) or len(properties) > MAX_ITEMS:
            raise SchemaUnsupported(path, "properties must be an object of at most 32")
        required = words.get("required", [])
        # A list or an object among them could not be looked up.
        if not isinstance(required, list) or not all(
            isinstance(name, str) and name in properties for name in required
        ):
            raise SchemaUnsupported(path, "required must name properties")
        pairs = [
            (
                f'{_literal(json.dumps(name))} ": " '
                + self._rule(inner, f"{path}.{name}", depth + 1),
                name in required,
            )
            for name, inner in properties.items()
        ]
        return f'"{{" {self._members(pairs)} "}}"'.replace("  ", " ")

    def _members(self, pairs: Sequence[tuple[str, bool]]) -> str:
        """Return the members in their order, optional ones left out at will.

        A rule for each end of the list, so that the grammar stays linear in it:
        ``first`` writes no comma before the next member, ``more`` does.
        """
        first = more = '""'
        for pair, is_required in reversed(pairs):
            begun = f"{pair} {more}"
            first = self._named(begun if is_required else f"{begun} | {first}")
            later = f'", " {begun}'
            more = self._named(later if is_required else f"{later} | {more}")
        return first

    def _named(self, body: str) -> str:
        name = f"rule{len(self._rules)}"
        self._rules.append(f"{name} ::= {body}")
        return name

    def _array(self, words: Mapping[str, Any], path: str, depth: int) -> str:
        words = _closed(words, {"items", "minItems", "maxItems"}, path)
        if "items" not in words:
            raise SchemaUnsupported(path, "an array needs items")
        fewest = _bound(words, "minItems", 0, MAX_ITEMS, path)
        most = _bound(words, "maxItems", max(USUAL_ITEMS, fewest), MAX_ITEMS, path)
        if most < fewest:
            raise SchemaUnsupported(path, "maxItems is below minItems")
        item = self._rule(words["items"], f"{path}.items", depth + 1)
        if most == 0:
            return '"[]"'
        rest = f'{item} (", " {item}){{{max(0, fewest - 1)},{most - 1}}}'
        return f'"[" {rest} "]"' if fewest else f'"[" ({rest})? "]"'


def _string(words: Mapping[str, Any], path: str) -> str:
    words = _closed(words, {"minLength", "maxLength"}, path)
    fewest = _bound(words, "minLength", 0, MAX_CHARS, path)
    wanted = words.get("maxLength")
    if isinstance(wanted, int) and wanted > MAX_CHARS:
        words = {**words, "maxLength": MAX_CHARS}
    most = _bound(words, "maxLength", max(USUAL_CHARS, fewest), MAX_CHARS, path)
    if most < fewest:
        raise SchemaUnsupported(path, "maxLength is below minLength")
    return f'"\\"" char{{{fewest},{most}}} "\\""'


def _integer(words: Mapping[str, Any], path: str) -> str:
    words = _closed(words, {"minimum", "maximum"}, path)
    lowest, highest = words.get("minimum"), words.get("maximum")
    if lowest is None and highest is None:
        return "integer"
    if lowest == 0 and highest is None:
        return "natural"
    if not isinstance(lowest, int) or not isinstance(highest, int):
        raise SchemaUnsupported(path, "give minimum and maximum, or minimum 0")
    if not 0 <= highest - lowest <= MAX_RANGE:
        raise SchemaUnsupported(path, f"the range may hold {MAX_RANGE} numbers")
    return " | ".join(f'"{number}"' for number in range(lowest, highest + 1))


def _plain(rule: str) -> Callable[[Mapping[str, Any], str], str]:
    def body(words: Mapping[str, Any], path: str) -> str:
        _closed(words, set(), path)
        return rule

    return body


_SCALARS: dict[str, Callable[[Mapping[str, Any], str], str]] = {
    "string": _string,
    "integer": _integer,
    "number": _plain("number"),
    "boolean": _plain("boolean"),
    "null": _plain("null"),
}
_WORDS = {
    "object": {"properties", "required", "additionalProperties"},
    "array": {"items", "minItems", "maxItems"},
    "string": {"minLength", "maxLength"},
    "integer": {"minimum", "maximum"},
}


def _words_of(
    words: Mapping[str, Any], kind: Any, kinds: Sequence[Any]
) -> dict[str, Any]:
    """Return the words that bear on one of several types, and those that bear on none.

    The latter are refused: nobody would have looked at a schema that stands in them.
    """
    of_others = _of_types(kinds) - _of_types([kind])
    return {key: value for key, value in words.items() if key not in of_others}


def _of_types(kinds: Sequence[Any]) -> set[str]:
    known = [_WORDS.get(kind, set()) for kind in kinds if isinstance(kind, str)]
    return set().union(*known)


def _constants(words: Mapping[str, Any], path: str) -> str:
    words = _closed(words, {"enum", "const", "type"}, path)
    values = words["enum"] if "enum" in words else [words["const"]]
    if not isinstance(values, list) or not 0 < len(values) <= MAX_RANGE:
        raise SchemaUnsupported(path, f"enum must list 1 to {MAX_RANGE} values")
    kinds = words.get("type", list(_KINDS))
    kinds = kinds if isinstance(kinds, list) else [kinds]
    for value in values:
        if not any(_is_of(value, kind) for kind in kinds):
            raise SchemaUnsupported(path, "enum may hold short texts and numbers only")
    return " | ".join(_literal(json.dumps(value)) for value in values)


_KINDS: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}


def _is_of(value: Any, kind: Any) -> bool:
    """Whether a constant is of a scalar type, finite and short."""
    types = _KINDS.get(kind, ()) if isinstance(kind, str) else ()
    if isinstance(value, bool):
        return bool in types
    if isinstance(value, float) and not math.isfinite(value):
        return False
    return isinstance(value, types) and len(str(value)) <= MAX_CHARS


def _literal(text: str) -> str:
    r"""Return ``text``, JSON in ASCII, as a literal of GBNF, whose escapes are few."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _closed(words: Mapping[str, Any], known: set[str], path: str) -> Mapping[str, Any]:
    for word in words:
        if word not in known:
            raise SchemaUnsupported(path, f"{word!r} is not supported")
    return words


def _bound(
    words: Mapping[str, Any], name: str, usual: int, most: int, path: str
) -> int:
    value = words.get(name, usual)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise SchemaUnsupported(path, f"{name} must be 0 to {most}")
    return value
