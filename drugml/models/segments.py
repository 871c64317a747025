"""Rows that belong together, brought together: bonds of an atom, atoms of a molecule.

Shape letters: R rows, S segments, D width. `owner` (R,) is the segment of each row, in 0..S-1. A segment without rows
is zero.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor


def total(rows: Float[Tensor, "R D"], owner: Int[Tensor, "R"], segments: int) -> Float[Tensor, "S D"]:
    """Sum of the rows of each segment."""
    return rows.new_zeros(segments, *rows.shape[1:]).index_add(0, owner, rows)


def count(owner: Int[Tensor, "R"], segments: int) -> Float[Tensor, "S 1"]:
    """Rows of each segment."""
    ones = torch.ones(len(owner), 1, device=owner.device)  # bincount would wait for a GPU
    return total(ones, owner, segments)


def mean(rows: Float[Tensor, "R D"], owner: Int[Tensor, "R"], segments: int) -> Float[Tensor, "S D"]:
    """Mean of the rows of each segment."""
    return total(rows, owner, segments) / count(owner, segments).clamp(min=1).to(rows.dtype)


def maximum(rows: Float[Tensor, "R D"], owner: Int[Tensor, "R"], segments: int) -> Float[Tensor, "S D"]:
    """Greatest of the rows of each segment, per column."""
    at = owner.unsqueeze(1).expand_as(rows)
    return rows.new_zeros(segments, rows.shape[1]).scatter_reduce(0, at, rows, "amax", include_self=False)


def softmax(scores: Float[Tensor, "R D"], owner: Int[Tensor, "R"], segments: int) -> Float[Tensor, "R D"]:
    """Softmax over the rows of each segment, per column."""
    with torch.no_grad():  # only keeps the numbers small
        top = maximum(scores, owner, segments)
    weight = (scores - top.index_select(0, owner)).exp()
    return weight / total(weight, owner, segments).index_select(0, owner)
