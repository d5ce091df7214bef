"""Sums of small integers for 64 points at once: the inner loop of mach_tf.decoding.block_scan, as vector instructions.

Numba does not vectorise this loop over 64 bytes: it unrolls it, and it cannot rule out that a store changes what the loop reads.
The loop is therefore written as LLVM instructions on vectors of 64 bytes. LLVM compiles them to the widest instructions of the
machine (two additions of 32 bytes with AVX2) and keeps the running sums in registers.
"""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

# Bytes of a cache line, which holds one bucket's integers: one byte per point.
LANES = 64


@intrinsic
def lanes_reaching(typing_context, table, by_label, label, limits):
    """Finds the points whose sums over a label's buckets reach their limits; a sum above 255 counts as 255.

    Args:
      table: uint8 [R, B, LANES], contiguous, aligned to LANES bytes.
      by_label: unsigned or int32 [K, R], contiguous, the bucket of each label in each repetition.
      label: uint64, in [0, K).
      limits: uint8 [LANES], contiguous.

    Returns:
      uint64; bit i is set if the sum of point i is at least limits[i].
    """
    signature = types.uint64(table, by_label, types.uint64, limits)

    def generate(context, builder, signature, arguments):
        table, by_label, limits = (
            context.make_array(signature.args[i])(context, builder, arguments[i]) for i in (0, 1, 3)
        )
        word, vector = ir.IntType(64), ir.VectorType(ir.IntType(8), LANES)
        width = cgutils.unpack_tuple(builder, table.shape)[1]
        repetitions = cgutils.unpack_tuple(builder, by_label.shape)[1]
        rows = builder.bitcast(table.data, vector.as_pointer())
        buckets = builder.gep(by_label.data, [builder.mul(arguments[2], repetitions)])
        add = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(vector, [vector, vector]), f"llvm.uadd.sat.v{LANES}i8"
        )
        before, loop, after = builder.block, builder.append_basic_block(), builder.append_basic_block()
        builder.branch(loop)

        builder.position_at_end(loop)
        repetition, total = builder.phi(word), builder.phi(vector)
        bucket = builder.zext(builder.load(builder.gep(buckets, [repetition])), word)
        row = builder.load(builder.gep(rows, [builder.add(builder.mul(repetition, width), bucket)]), align=LANES)
        next_repetition, next_total = builder.add(repetition, word(1)), builder.call(add, [total, row])
        for value, first, following in ((repetition, word(0), next_repetition), (total, vector(None), next_total)):
            value.add_incoming(first, before)
            value.add_incoming(following, loop)
        builder.cbranch(builder.icmp_unsigned("<", next_repetition, repetitions), loop, after)

        builder.position_at_end(after)
        limit = builder.load(builder.bitcast(limits.data, vector.as_pointer()), align=1)
        return builder.bitcast(builder.icmp_unsigned(">=", next_total, limit), word)

    return signature, generate
