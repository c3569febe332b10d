"""Next-byte distributions: what the paper calls M1, behind one small interface.

Read in this order: `base`, `static`, `ngram`, `limits`, `store`; then M1 itself, `network` in floats and
`integer`; `starts`, which corrects one where windows begin; and what takes a predictor's place, `book` and
`subword`.
"""
