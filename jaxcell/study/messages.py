"""What is wrong with a study file, in one sentence for its author."""

from collections.abc import Sequence
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from jaxcell.study.schema import StudyFile
from jaxcell.study.units import closest

File = TypeVar("File", bound=BaseModel)


class StudyError(ValueError):
    """A study file that cannot be used; the message names file, table, key, value and what was expected."""


def checked(file: type[File], tables: dict[str, Any], source: str) -> File:
    """The tables of a kind of study file.

    Raises:
        StudyError: they say something that is not known or not possible.
    """
    try:
        return file.model_validate(tables)
    except ValidationError as error:
        raise StudyError(sentence(error, source, file)) from error


def sentence(error: ValidationError, source: str, file: type[BaseModel] = StudyFile) -> str:
    """The first thing that is wrong with a kind of file; an unknown key first, often why another is missing."""
    errors = sorted(error.errors(), key=lambda e: e["type"] != "extra_forbidden")
    first: dict[str, Any] = dict(errors[0])
    text = _one(first, file)
    return f"{source}: {text}" + ("" if text.endswith("?") else ".")


def _one(error: dict[str, Any], file: type[BaseModel]) -> str:
    where, kind, value = error["loc"], error["type"], error["input"]
    if kind == "extra_forbidden":
        return _unknown(where, file)
    if kind == "missing":
        table = ".".join(map(str, where[:-1]))
        if where == ("parameters",):
            return "at least one table [parameters.NAME] is needed, for what is to be fitted"
        if _model(where, file) is not None:
            return f"the table [{'.'.join(map(str, where))}] is missing"
        return f"[{table}] needs the key {where[-1]}"
    if kind == "value_error":
        return f"{_place(where, file)} {error['ctx']['error']}" if where else str(error["ctx"]["error"])
    return f"{_place(where, file)} must be {_expected(error)}, but is {_shown(value)}"


def _unknown(where: Sequence[str | int], file: type[BaseModel]) -> str:
    parent = _model(where[:-1], file)
    known = list(parent.model_fields) if parent is not None else []
    hint = closest(str(where[-1]), known)
    table = ".".join(map(str, where[:-1]))
    place = f"in [{table}]" if table else "at the top level"
    suggestion = f"did you mean {hint}?" if hint else f"known are {', '.join(known)}"
    return f"the key {where[-1]} is not known {place}; {suggestion}"


def _place(where: Sequence[str | int], file: type[BaseModel]) -> str:
    """[table] key: as deep as tables go."""
    if _model(where, file) is not None:
        return f"[{'.'.join(map(str, where))}]"
    depth = max((k for k in range(1, len(where)) if _model(where[:k], file) is not None), default=0)
    table, rest = ".".join(map(str, where[:depth])), where[depth:]
    key = str(rest[0]) + "".join(f"[{k}]" if isinstance(k, int) else f".{k}" for k in rest[1:])
    return f"[{table}] {key}" if table else f"[{key}]"


def _expected(error: dict[str, Any]) -> str:
    context = error.get("ctx", {})
    fixed = {
        "float_type": "a number",
        "finite_number": "a finite number",
        "int_type": "a whole number",
        "int_from_float": "a whole number",
        "bool_type": "true or false",
        "string_type": "text in quotes",
        "list_type": "a list",
        "dict_type": "a table",
        "model_type": "a table",
        "string_pattern_mismatch": "letters, digits and _, with a letter first",
        "model_attributes_type": "a table",
    }
    if error["type"] in fixed:
        return fixed[error["type"]]
    limits = {
        "greater_than": ("gt", "a number above {:g}"),
        "greater_than_equal": ("ge", "a number of at least {:g}"),
        "less_than_equal": ("le", "a number of at most {:g}"),
        "less_than": ("lt", "a number below {:g}"),
    }
    if error["type"] in limits:
        name, text = limits[error["type"]]
        return text.format(context[name])
    if error["type"] == "literal_error":
        return str(context["expected"])
    if error["type"] in ("too_short", "too_long"):
        exact = context.get("min_length", context.get("max_length"))
        some = "at least 1" if exact == 1 else exact
        return f"a list of {some}" if error["loc"][-1] != "parameters" else "at least one table [parameters.NAME]"
    return error["msg"].lower()


def _shown(value: Any) -> str:
    text = "a table" if isinstance(value, dict) else repr(value)
    return text if len(text) < 60 else text[:57] + "..."


def _model(where: Sequence[str | int], file: type[BaseModel]) -> type[BaseModel] | None:
    """The table that a place in the file is, or None when it is a value."""
    kind: Any = file
    for key in where:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            field = kind.model_fields.get(str(key))
            kind = _plain(field.annotation) if field is not None else None
        elif get_origin(kind) in (dict, list):
            kind = get_args(kind)[-1]
        else:
            return None
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _plain(annotation: Any) -> Any:
    """An annotation without `| None`."""
    if get_origin(annotation) in (Union, UnionType):
        left = [one for one in get_args(annotation) if one is not type(None)]
        return left[0] if len(left) == 1 else annotation
    return annotation
