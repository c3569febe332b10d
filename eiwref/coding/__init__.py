"""Bits and integer frequencies: what arithmetic coding is made of. Nothing here knows a float.

Read in this order: `frequencies`, `bits`, `exact`, `finite`, `stream`.
"""
