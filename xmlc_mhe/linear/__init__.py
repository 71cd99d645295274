"""Heads that are linear in fixed features: solver, cascade, one-vs-rest, scorer."""

from .cascade import MultiHeadCascade
from .one_vs_rest import OneVsRest

HEADS = {head.name: head for head in (MultiHeadCascade, OneVsRest)}
