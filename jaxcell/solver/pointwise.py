"""Small matrices, one at each point of a chain: their entries are rows along it, or None where they are zero."""

import functools
from collections.abc import Iterable, Sequence
from typing import TypeAlias

import jax.numpy as jnp
from jaxtyping import Array

from jaxcell.solver.system import Rows

Row: TypeAlias = tuple[Array | None, ...]
Matrix: TypeAlias = tuple[Row, ...]
Full: TypeAlias = tuple[Rows, ...]
"""A matrix without known zeros."""


WRITTEN_OUT = 12
"""Size up to which inverses are."""


def plus_product(start: Array, row: Row | Rows, column: Iterable[Array]) -> Array:
    """start + row . column."""
    terms = [a * b for a, b in zip(row, column, strict=True) if a is not None]
    return functools.reduce(jnp.add, terms, start)


def plus_times(start: Rows, matrix: Matrix | Full, column: Sequence[Array]) -> Rows:
    """start + matrix column."""
    return tuple(plus_product(own, row, column) for own, row in zip(start, matrix, strict=True))


def plus_matrices(start: Full, one: Matrix | Full, other: Full) -> Full:
    """start + one other."""
    if not start or not other:
        return start
    columns = zip(zip(*start, strict=True), zip(*other, strict=True), strict=True)
    return tuple(zip(*(plus_times(own, one, column) for own, column in columns), strict=True))


def times(matrix: Matrix, column: Sequence[Array]) -> Rows:
    """matrix column; no row of the matrix is empty."""
    return tuple(
        functools.reduce(jnp.add, [a * b for a, b in zip(row, column, strict=True) if a is not None]) for row in matrix
    )


def times_matrix(one: Matrix, other: Full) -> Full:
    """one other; no row of one is empty."""
    return tuple(zip(*(times(one, column) for column in zip(*other, strict=True)), strict=True)) if other else ()


def diagonal_less(diagonal: Array, matrix: Matrix, weights: Sequence[Array]) -> Matrix:
    """weights diagonal - matrix."""

    def entry(i: int, j: int) -> Array | None:
        own = matrix[i][j]
        if i != j:
            return None if own is None else -own
        return weights[i] * diagonal if own is None else weights[i] * diagonal - own

    return tuple(tuple(entry(i, j) for j in range(len(matrix))) for i in range(len(matrix)))


def inverse(matrix: Matrix) -> Matrix:
    """Inverses of n x n systems, one at each point, by elimination without pivoting, written out for small n.

    The matrices are M/g minus the rates' derivatives: diagonally dominant for the short g that accuracy asks for.
    Zeros (None) stay zeros where elimination does not fill them.  Full ones above `WRITTEN_OUT` on whole arrays.
    """
    n = len(matrix)
    full = tuple(tuple(entry for entry in row if entry is not None) for row in matrix)
    if n > WRITTEN_OUT and all(len(row) == n for row in full):
        return _inverse_of_many(full)
    rows: list[list[Array | None]] = [[*matrix[i], *([None] * n)] for i in range(n)]
    for i in range(n):
        own = matrix[i][i]
        rows[i][n + i] = None if own is None else jnp.ones_like(own)
    for pivot in range(n):
        head = rows[pivot][pivot]
        if head is None:
            raise ValueError("a local state must have a rate or a capacity of its own.")
        scale = 1.0 / head
        rows[pivot] = [None if entry is None else entry * scale for entry in rows[pivot]]
        for other in range(n):
            factor = rows[other][pivot]
            if other != pivot and factor is not None:
                rows[other] = [_minus(a, factor, b) for a, b in zip(rows[other], rows[pivot], strict=True)]
    return tuple(tuple(row[n:]) for row in rows)


def _inverse_of_many(matrix: Full) -> Full:
    """The same elimination on whole arrays."""
    n, like = len(matrix), matrix[0][0]
    rest = jnp.stack([jnp.stack(row) for row in matrix])
    unit = jnp.eye(n, dtype=like.dtype)[(...,) + (None,) * like.ndim]
    found = unit * jnp.ones_like(rest)
    for pivot in range(n):
        scale = 1.0 / rest[pivot, pivot][None]
        factor = (rest[:, pivot] - unit[:, pivot]) * scale
        rest, found = (part - factor[:, None] * part[pivot][None] for part in (rest, found))
    return tuple(tuple(found[i, j] for j in range(n)) for i in range(n))


def _minus(entry: Array | None, factor: Array, other: Array | None) -> Array | None:
    """entry - factor other."""
    if other is None:
        return entry
    return -factor * other if entry is None else entry - factor * other
