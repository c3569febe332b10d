"""Bits and integer frequencies: what arithmetic coding is made of. Floats come in at `rows` alone.

Read in this order: `frequencies`, `bits`, `interval`, `exact`, `finite`, `stream`. Beside them: `digits`, which
lets `exact` decode long texts; `lanes`, with `rows`, for thousands of texts at once; `deflate`, which reads zlib's
streams with care; and three coders to hold against these, `ans`, `huffman` and `rank`.
"""
