"""Logits of groups of labels that documents choose: a group's documents are multiplied with its weights together."""

import torch
import torch.nn.functional as F
from torch import Tensor

TILE = 8  # documents of a group that are multiplied together; see docs/studies.md
PIECE_BYTES = 2**22  # of weights that prediction copies at a time


def group_logits(features: Tensor, groups: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return the logits (B, S, C) of each document for the labels of its groups; gradients of the tables are sparse.

    Args:
        features: (B, D).
        groups: int64 (B, S), rows of the tables.
        weight: (num_groups, C D), the weight vectors of the C labels of a group one after the other.
        bias: (num_groups, C).

    Pairs of a document and a group are sorted by group and cut into tiles of up to TILE pairs of one group, so that the
    weights of a group are read once for so many documents and never copied for each.
    """
    num_docs, num_chosen = groups.shape
    order = groups.flatten().argsort(stable=True)  # (B S,), pairs, group by group
    sorted_groups = groups.flatten()[order]
    distinct, counts = sorted_groups.unique_consecutive(return_counts=True)  # (U,)
    size = min(TILE, int(counts.max())) if len(order) else 1
    tiles = (counts + size - 1) // size  # of each group
    ends, last_tiles = counts.cumsum(0), tiles.cumsum(0)
    ranks = torch.arange(len(order), device=groups.device) - (ends - counts).repeat_interleave(counts)
    places = (last_tiles - tiles).repeat_interleave(counts) * size + ranks  # (B S,), of each pair
    tile_groups = distinct.repeat_interleave(tiles)  # (T,)
    inputs = features.new_zeros((len(tile_groups) * size, features.shape[1]))
    inputs = inputs.index_copy(0, places, features[order // num_chosen]).unflatten(0, (-1, size))  # (T, size, D)
    piece = max(1, len(tile_groups))
    if not (weight.requires_grad and torch.is_grad_enabled()):  # what is copied stays in the cache until it is used
        piece = min(piece, max(1, PIECE_BYTES // (weight.shape[1] * weight.element_size())))
    outputs = []
    for some_inputs, some_groups in zip(inputs.split(piece), tile_groups.split(piece), strict=True):
        tile_weight = F.embedding(some_groups, weight, sparse=True).unflatten(1, (-1, features.shape[1]))  # (T, C, D)
        tile_bias = F.embedding(some_groups, bias, sparse=True)  # (T, C)
        outputs.append(torch.baddbmm(tile_bias[:, None, :], some_inputs, tile_weight.mT))  # (T, size, C)
    logits = torch.cat(outputs).flatten(0, 1)[places]
    return torch.empty_like(logits).index_copy(0, order, logits).unflatten(0, (num_docs, num_chosen))
