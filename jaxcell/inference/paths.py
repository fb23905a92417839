"""Dotted paths to single numbers inside a pytree, such as "working.layer.ionic_conductivity" or
"cells[0].area"."""

import difflib
import re
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.tree_util as jtu

Keys: TypeAlias = tuple[str | int, ...]


def parse_path(path: str) -> Keys:
    """Keys of a dotted path; list and tuple places as "[0]" or ".0"."""
    pieces = re.split(r"\.", re.sub(r"\[(\d+)\]", r".\1", path).lstrip("."))
    if not all(re.fullmatch(r"\w+", piece) for piece in pieces):
        raise ValueError(f"Path '{path}' must be attribute names joined by dots, with places as [0].")
    return tuple(int(piece) if piece.isdigit() else piece for piece in pieces)


def format_path(keys: Keys) -> str:
    """The dotted form of keys: attribute names joined by dots, places in brackets."""
    return "".join(f"[{k}]" if isinstance(k, int) else f".{k}" for k in keys).lstrip(".")


def leaves(tree: Any) -> dict[Keys, Any]:
    """Every leaf of a pytree by its keys."""
    return {tuple(map(_key, keys)): leaf for keys, leaf in jtu.tree_flatten_with_path(tree)[0]}


def number_paths(tree: Any) -> tuple[str, ...]:
    """Dotted paths of every leaf that is one float number: what a parameter can point at."""
    return tuple(format_path(keys) for keys, leaf in leaves(tree).items() if _is_number(leaf))


def check_path(tree: Any, path: str, owner: str) -> Any:
    """The leaf that a parameter of that name points at; raises as `number_at`."""
    return number_at(tree, path, f"Parameter '{owner}' points at")


def number_at(tree: Any, path: str, told: str) -> Any:
    """The leaf at `path`; a ValueError in one sentence, which begins as `told`, when it is missing or not one float
    number."""
    found = leaves(tree)
    keys = parse_path(path)
    if keys not in found:
        available = number_paths(tree)
        close = difflib.get_close_matches(format_path(keys), available, n=3, cutoff=0.5)
        hint = f"close names are {_quoted(close)}; " if close else ""
        raise ValueError(
            f"{told} '{path}', which does not exist; {hint}the available numbers are {_quoted(available)}."
        )
    leaf = found[keys]
    if not _is_number(leaf):
        raise ValueError(f"{told} '{path}', which is {_describe(leaf)}, not one float number.")
    return leaf


def replace(tree: Any, values: Sequence[tuple[str, jax.Array]]) -> Any:
    """`tree` with the leaf at each path replaced by its value, through `equinox.tree_at`."""
    if not values:
        return tree
    keys = [parse_path(path) for path, _ in values]
    where: Callable[[Any], list[Any]] = lambda t: [_follow(t, k) for k in keys]  # noqa: E731
    return eqx.tree_at(where, tree, replace=[value for _, value in values])


def _key(key: Any) -> str | int:
    if isinstance(key, jtu.GetAttrKey):
        return key.name
    if isinstance(key, jtu.SequenceKey):
        return key.idx
    return str(getattr(key, "key", key))


def _follow(tree: Any, keys: Keys) -> Any:
    node = tree
    for key in keys:
        node = getattr(node, str(key)) if hasattr(node, str(key)) else node[key]
    return node


def _is_number(leaf: Any) -> bool:
    if eqx.is_array(leaf) or hasattr(leaf, "dtype"):
        return leaf.ndim == 0 and jnp.issubdtype(leaf.dtype, jnp.floating)
    return isinstance(leaf, float)


def _describe(leaf: Any) -> str:
    if hasattr(leaf, "dtype"):
        return f"an array of shape {leaf.shape} and dtype {leaf.dtype}"
    return f"of type {type(leaf).__name__}"


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)
