"""Bits and integer frequencies: what arithmetic coding is made of. Nothing here knows a float.

Read in this order: `frequencies`, `bits`, `interval`, `exact`, `finite`, `stream`. Beside them: `digits`, which
lets `exact` decode long texts, and three coders to hold against these, `ans`, `huffman` and `rank`.
"""
