"""Four SIMD primitives that numba cannot derive itself: they work on LANES labels at a time, in one vector.

A block of weights is `W`, float32 (num_features, LANES). Each row is aligned to a cache line, so that a feature costs
one line for LANES labels. The primitives use the vector type of LLVM, because a plain loop keeps its sums in memory.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ..codes.head_sizes import LANES

_VECTOR = ir.VectorType(ir.FloatType(), LANES)
_CHAINS = 4  # sums that a dense product keeps apart, so that one addition need not wait for the other


def aligned_zeros(num_rows: int) -> np.ndarray:
    """Return a block of zeros, float32 (num_rows, LANES), whose rows start at multiples of their size in bytes."""
    row_bytes = 4 * LANES
    buffer = np.zeros((num_rows + 1) * row_bytes, dtype=np.uint8)
    offset = -buffer.ctypes.data % row_bytes
    return buffer[offset : offset + num_rows * row_bytes].view(np.float32).reshape(num_rows, LANES)


def _data(context: Any, builder: Any, array_type: Any, array: Any) -> Any:
    return context.make_array(array_type)(context, builder, array).data


def _vector_at(builder: Any, base: Any, row: Any) -> Any:
    """Return a pointer to vector `row` of a contiguous float32 array."""
    offset = builder.mul(row, ir.Constant(row.type, LANES))
    return builder.bitcast(builder.gep(base, [offset]), _VECTOR.as_pointer())


def _splat(builder: Any, scalar: Any) -> Any:
    undefined = ir.Constant(_VECTOR, ir.Undefined)
    first = builder.insert_element(undefined, scalar, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(first, undefined, ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES))


def _load(builder: Any, pointer: Any) -> Any:
    return builder.load(pointer, align=4)


def _multiply_add(builder: Any, x: Any, y: Any, z: Any) -> Any:
    return builder.fadd(builder.fmul(x, y, flags=("contract",)), z, flags=("contract",))


def _each_entry(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    """Loop over the entries from start to stop; yield the value as a vector, and a pointer to its row of W."""
    W, indices, values, start, stop = args[:5]
    W_data, indices_data, values_data = (
        _data(context, builder, signature.args[i], array) for i, array in enumerate((W, indices, values))
    )
    with cgutils.for_range_slice(builder, start, stop, ir.Constant(start.type, 1), start.type) as (entry, _):
        feature = builder.zext(builder.load(builder.gep(indices_data, [entry])), ir.IntType(64))
        value = _splat(builder, builder.load(builder.gep(values_data, [entry])))
        yield value, _vector_at(builder, W_data, feature)


@intrinsic
def row_dot(typing_context, W, indices, values, start, stop, out):  # type: ignore[no-untyped-def]
    """out[lane] = sum over entries e of values[e] * W[indices[e], lane]; e runs from start to stop."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        total = cgutils.alloca_once_value(builder, ir.Constant(_VECTOR, None))
        for value, row in _each_entry(context, builder, signature, args):
            builder.store(_multiply_add(builder, value, _load(builder, row), builder.load(total)), total)
        out_data = _data(context, builder, signature.args[5], args[5])
        builder.store(builder.load(total), _vector_at(builder, out_data, ir.Constant(ir.IntType(64), 0)), align=4)

    return types.void(W, indices, values, types.intp, types.intp, out), codegen


@intrinsic
def row_add(typing_context, W, indices, values, start, stop, delta):  # type: ignore[no-untyped-def]
    """W[indices[e], lane] += values[e] * delta[lane] for the entries e from start to stop."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        delta_data = _data(context, builder, signature.args[5], args[5])
        step = _load(builder, _vector_at(builder, delta_data, ir.Constant(ir.IntType(64), 0)))
        for value, row in _each_entry(context, builder, signature, args):
            builder.store(_multiply_add(builder, value, step, _load(builder, row)), row, align=4)

    return types.void(W, indices, values, types.intp, types.intp, delta), codegen


def _dense_row(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    """Return pointers to W and to row `row` of X, and the length of the row."""
    W, X, row = args[:3]
    length = context.make_array(signature.args[1])(context, builder, X).shape
    length = builder.extract_value(length, 1)
    X_row = builder.gep(_data(context, builder, signature.args[1], X), [builder.mul(row, length)])
    return _data(context, builder, signature.args[0], W), X_row, length


@intrinsic
def dense_dot(typing_context, W, X, row, out):  # type: ignore[no-untyped-def]
    """out[lane] += sum over columns d of X[row, d] * W[d, lane]; X float32 (num_docs, D), C-contiguous."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        W_data, X_row, length = _dense_row(context, builder, signature, args)
        out_vector = _vector_at(
            builder, _data(context, builder, signature.args[3], args[3]), ir.Constant(ir.IntType(64), 0)
        )
        totals = [cgutils.alloca_once_value(builder, ir.Constant(_VECTOR, None)) for _ in range(_CHAINS)]

        def add(column: Any, total: Any) -> None:
            value = _splat(builder, builder.load(builder.gep(X_row, [column])))
            weights = _load(builder, _vector_at(builder, W_data, column))
            builder.store(_multiply_add(builder, value, weights, builder.load(total)), total)

        zero, step = ir.Constant(length.type, 0), ir.Constant(length.type, _CHAINS)
        whole = builder.sub(length, builder.urem(length, step))
        with cgutils.for_range_slice(builder, zero, whole, step, length.type) as (column, _):
            for chain, total in enumerate(totals):
                add(builder.add(column, ir.Constant(length.type, chain)), total)
        with cgutils.for_range_slice(builder, whole, length, ir.Constant(length.type, 1), length.type) as (column, _):
            add(column, totals[0])
        result = _load(builder, out_vector)
        for total in totals:
            result = builder.fadd(result, builder.load(total))
        builder.store(result, out_vector, align=4)

    return types.void(W, X, types.intp, out), codegen


@intrinsic
def dense_add(typing_context, W, X, row, delta):  # type: ignore[no-untyped-def]
    """W[d, lane] += X[row, d] * delta[lane] for the columns d; X float32 (num_docs, D), C-contiguous."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        W_data, X_row, length = _dense_row(context, builder, signature, args)
        delta_data = _data(context, builder, signature.args[3], args[3])
        step = _load(builder, _vector_at(builder, delta_data, ir.Constant(ir.IntType(64), 0)))
        with cgutils.for_range(builder, length) as loop:
            weights = _vector_at(builder, W_data, loop.index)
            value = _splat(builder, builder.load(builder.gep(X_row, [loop.index])))
            builder.store(_multiply_add(builder, value, step, _load(builder, weights)), weights, align=4)

    return types.void(W, X, types.intp, delta), codegen
