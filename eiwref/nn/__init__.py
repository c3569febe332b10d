"""The transformer from scratch: forward and backward passes by hand. M1 and M2 differ by their config alone.

Shapes are noted behind the line, with one set of letters throughout:

    B  sequences in a batch      H  heads                 F  width of the MLP
    T  positions in a sequence   K  width of a head       V  symbols or ids that can come next
    D  width of the model        S  positions attended to

A layer is a pair of functions: `forward(params, x) -> (out, cache)` and `backward(dout, cache) -> (dx,
grads)`. `params` and `grads` are dicts of arrays with the same keys; the gradient of a thing is called
`d<thing>`, and is a fresh array each time. `xp` is NumPy or CuPy, see `backend`.

Read in this order: `layers`, `attention`, `transformer`, `sizes`, `gradcheck`, `optim`, `train`, `watch`. Then the
same step arranged for a CPU, `arranged` and `parallel`, and what it needs, `memory`; the network in integers,
`integer` and `quantise`; and weights as files, `checkpoint`.
"""
