"""Next-byte distributions: what the paper calls M1, behind one small interface.

Read in this order: `base`, `static`, `ngram`, `limits`, `store`.
"""
