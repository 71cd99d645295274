"""Labels as numbers in a mixed radix: one local label, a digit, for each head."""

import math
from dataclasses import dataclass, field

import numpy as np
from scipy.sparse import csr_array

from ..state import Field, array, is_permutation
from .head_sizes import check_head_sizes


@dataclass(frozen=True, eq=False)
class LabelCode:
    """Write each label as one local label per head, like the digits of a number.

    The label at position p of `order` has the code p. Its local labels are the digits of p in the mixed radix
    head_sizes, and the digit of the last head varies fastest. Codes from num_labels on are padding and have no label.
    All codes with the same first h digits are a range. In the next head's index matrix, prefix p is therefore
    continued by p * size, p * size + 1, ...
    Source: Liang et al., arXiv:2412.10182, eq. 11 and the index matrices of MHC.
    """

    order: np.ndarray  # int32 (num_labels,), code -> label
    head_sizes: tuple[int, ...]
    position: np.ndarray = field(init=False)  # int32 (num_labels,), label -> code

    def __post_init__(self) -> None:
        if not np.array_equal(np.sort(self.order), np.arange(self.num_labels)):
            raise ValueError(f"order must name each of {self.num_labels} labels once. Got another order; fit again.")
        check_head_sizes(self.head_sizes, self.num_labels)
        position = np.empty(self.num_labels, np.int32)
        position[self.order] = np.arange(self.num_labels, dtype=np.int32)
        object.__setattr__(self, "position", position)

    @property
    def num_labels(self) -> int:
        return len(self.order)

    @property
    def num_heads(self) -> int:
        return len(self.head_sizes)

    def encode(self, labels: np.ndarray) -> np.ndarray:
        """Return the local labels, int64 (n, num_heads), of global labels, int (n,)."""
        return np.stack(np.unravel_index(self.position[labels], self.head_sizes), axis=-1)

    def decode(self, local_labels: np.ndarray) -> np.ndarray:
        """Return the global labels, int32 (n,), of local labels, int (n, num_heads); -1 for padding codes."""
        codes = np.ravel_multi_index(tuple(np.asarray(local_labels).T), self.head_sizes)
        return self.labels_of(codes)

    def labels_of(self, codes: np.ndarray) -> np.ndarray:
        """Return the global labels, int32, of codes of any shape; -1 for padding and for -1."""
        is_label = (codes >= 0) & (codes < self.num_labels)
        return np.where(is_label, self.order[np.where(is_label, codes, 0)], np.int32(-1))

    def stride(self, num_digits: int) -> int:
        """Return how many codes share their first num_digits digits."""
        return math.prod(self.head_sizes[num_digits:])

    def num_prefixes(self, num_digits: int) -> int:
        """Return how many prefixes of num_digits digits are those of a label; the others are padding."""
        return -(-self.num_labels // self.stride(num_digits))

    def index_matrix(self, num_digits: int) -> np.ndarray:
        """Return the candidate index matrix C^h, int32 (num_prefixes(h), head_sizes[h]), h = num_digits.

        Row: a prefix of h digits; columns: its continuations to h + 1 digits, -1 where there is only padding.
        """
        size = self.head_sizes[num_digits]
        following = np.arange(self.num_prefixes(num_digits) * size, dtype=np.int32).reshape(-1, size)
        return np.where(following < self.num_prefixes(num_digits + 1), following, np.int32(-1))

    def prefixes(self, Y: csr_array, num_digits: int) -> csr_array:
        """Return the local labels at head num_digits as CSR (num_docs, num_prefixes(num_digits)) of ones, from Y."""
        codes = self.position[Y.indices] // self.stride(num_digits)
        shape = (Y.shape[0], self.num_prefixes(num_digits))
        targets = csr_array((np.ones(len(codes), np.float32), codes, Y.indptr.copy()), shape)
        targets.sum_duplicates()  # in place, hence the copy
        targets.data.fill(1)
        return targets


def order_field(num_labels: int) -> Field:
    """Return what the order of labels that a model keeps must be."""
    return array("int32", (num_labels,), least=0, most=num_labels - 1, rule=("each once", is_permutation))
