"""Numbers of several points side by side, as vector instructions: the inner loops of label_loss.

A label's score is gathered from R buckets at random places of memory, and its derivative is scattered back to them. With the numbers of
16 points in one row (LANES), a place is visited once for all of them. Numba does not vectorise loops over so few numbers (see
mach_tf.decoding.lanes), so that an operation on two rows is written as LLVM instructions on vectors.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from mach_tf.kernels import jit

# The float32 numbers in a cache line, and in the widest vectors of present CPUs.
LANES = 16
# Numbers of a point that are transposed at a time, within the first-level cache.
_TILE = 64
# exp: x = n ln 2 + rest, |rest| <= ln(2) / 2, with ln 2 as a sum of a number of 32 bits, so that n times it is exact, and of what it lacks.
_LOG2_E, _LN2, _LN2_REST = 1.4426950408889634, 0.6931471803691238, 1.9082149292705877e-10
_ROUNDER = 1.5 * 2.0**52  # added to a number below 2^51, it rounds it to the integer in the last bits of the sum
_LOWEST = -708.0  # exp of it is near the smallest normal number
# The same in float32. Constants of that type: any other would widen what it is combined with.
_LOG2_E_32, _LN2_32, _LN2_REST_32 = np.float32(_LOG2_E), np.float32(0.693359375), np.float32(-2.1219444e-4)
_ROUNDER_32, _LOWEST_32 = np.float32(1.5 * 2.0**23), np.float32(-87.0)
_ONE, _HALF = np.float32(1), np.float32(0.5)
_3, _4, _5, _6, _7 = (np.float32(1 / math.factorial(power)) for power in range(3, 8))


def _vectors(context: Any, builder: Any, kind: Any, array: Any, count: int) -> Any:
    """Returns a pointer to the rows of a contiguous array [rows, count], as vectors."""
    vector = ir.VectorType(context.get_value_type(kind.dtype), count)
    return builder.bitcast(context.make_array(kind)(context, builder, array).data, vector.as_pointer())


def _row_operation(operation: str) -> Any:
    @intrinsic
    def operate(typing_context, lanes, target, row, source, source_row):
        signature = types.void(lanes, target, types.intp, source, types.intp)

        def generate(context, builder, signature, arguments):
            to, place_of_value = (
                builder.gep(
                    _vectors(context, builder, signature.args[i], arguments[i], lanes.count), [arguments[i + 1]]
                )
                for i in (1, 3)
            )
            width, own_width = (signature.args[i].dtype.bitwidth // 8 for i in (1, 3))
            value, total = builder.load(place_of_value, align=own_width), builder.load(to, align=width)
            if own_width < width:
                value = builder.fpext(value, total.type)
            builder.store(getattr(builder, operation)(total, value), to, align=width)
            return context.get_dummy_value()

        return signature, generate

    return operate


# (lanes, target, row, source, source_row): combines target[row] with source[source_row]. Both are contiguous, [rows, len(lanes)], of float32 or
# float64, the target not narrower than the source. The length of the tuple `lanes` is known when this is compiled. Row numbers are not checked.
add_row = _row_operation("fadd")
multiply_row = _row_operation("fmul")


@intrinsic
def add_four_rows(typing_context, lanes, target, row, source, source_rows):
    """Adds to target[row] the rows of `source` that a tuple of four numbers names; arrays as of `add_row`, of one type.

    The sum stays in a register: one row is loaded and stored for four that are added.
    """
    signature = types.void(lanes, target, types.intp, source, types.UniTuple(types.intp, 4))

    def generate(context, builder, signature, arguments):
        to, rows = (_vectors(context, builder, signature.args[i], arguments[i], lanes.count) for i in (1, 3))
        align = signature.args[1].dtype.bitwidth // 8
        to = builder.gep(to, [arguments[2]])
        each = [
            builder.load(builder.gep(rows, [place]), align=align)
            for place in cgutils.unpack_tuple(builder, arguments[4])
        ]
        pairs = builder.fadd(each[0], each[1]), builder.fadd(each[2], each[3])
        builder.store(builder.fadd(builder.load(to, align=align), builder.fadd(*pairs)), to, align=align)
        return context.get_dummy_value()

    return signature, generate


def _bit_cast(to: Any) -> Any:
    @intrinsic
    def cast(typing_context, value):
        def generate(context, builder, signature, arguments):
            return builder.bitcast(arguments[0], context.get_value_type(to))

        return to(value), generate

    return cast


_bits, _from_bits = _bit_cast(types.int64), _bit_cast(types.float64)
_bits_32, _from_bits_32 = _bit_cast(types.int32), _bit_cast(types.float32)


@jit(inline="always")
def exp_of_negative(value):
    """Returns exp(value) to 15 digits for a value of at most 0, at least exp(-708), and NaN for NaN; loops over it are vectorised."""
    value = _LOWEST if value < _LOWEST else value
    rounded = value * _LOG2_E + _ROUNDER
    whole = rounded - _ROUNDER
    rest = value - whole * _LN2 - whole * _LN2_REST
    # Taylor's series to the 13th power, whose error is below 1e-17.
    total = 1 / 6227020800.0
    total = total * rest + 1 / 479001600.0
    total = total * rest + 1 / 39916800.0
    total = total * rest + 1 / 3628800.0
    total = total * rest + 1 / 362880.0
    total = total * rest + 1 / 40320.0
    total = total * rest + 1 / 5040.0
    total = total * rest + 1 / 720.0
    total = total * rest + 1 / 120.0
    total = total * rest + 1 / 24.0
    total = total * rest + 1 / 6.0
    total = total * rest + 0.5
    total = total * rest + 1.0
    total = total * rest + 1.0
    return total * _from_bits((_bits(rounded) - _bits(_ROUNDER) + 1023) << 52)


@jit(inline="always")
def exp_of_negative_32(value):
    """Returns exp(value) to 7 digits for a float32 value of at most 0, at least exp(-87), and NaN for NaN; loops over it are vectorised."""
    value = _LOWEST_32 if value < _LOWEST_32 else value
    rounded = value * _LOG2_E_32 + _ROUNDER_32
    whole = rounded - _ROUNDER_32
    rest = value - whole * _LN2_32 - whole * _LN2_REST_32
    # Taylor's series to the 7th power, whose error is below 6e-9.
    total = _7 * rest + _6
    total = total * rest + _5
    total = total * rest + _4
    total = total * rest + _3
    total = total * rest + _HALF
    total = total * rest + _ONE
    total = total * rest + _ONE
    return total * _from_bits_32(np.int32((_bits_32(rounded) - _bits_32(_ROUNDER_32) + 127) << 23))


@jit()
def to_lanes(numbers, rows):
    """Writes numbers [at most lanes, m] into rows [m, lanes], transposed."""
    for begin in range(0, numbers.shape[1], _TILE):
        end = min(begin + _TILE, numbers.shape[1])
        for lane in range(len(numbers)):
            for i in range(begin, end):
                rows[i, lane] = numbers[lane, i]


@jit()
def from_lanes(rows, factor, numbers):
    """Writes rows [m, lanes] times a factor into float32 numbers [at most lanes, m], transposed."""
    for begin in range(0, numbers.shape[1], _TILE):
        end = min(begin + _TILE, numbers.shape[1])
        for lane in range(len(numbers)):
            for i in range(begin, end):
                numbers[lane, i] = np.float32(rows[i, lane] * factor)
