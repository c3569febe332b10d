"""Linear, RMSNorm, ReLU MLP, embedding, and cross entropy with z-loss: forward beside backward.

Paper, section 3.2 and Table 4: T5's decoder, so no biases in linear layers and no mean in the norm. Left out:
dropout, which the paper does not use in pretraining.
"""

NORM_EPSILON = 1e-6
STRETCH = 1 << 18  # logits that are worked on at a time: 1 MiB in float32, which a processor's cache holds
LEAST = 1 << 10  # symbols that they are of, or more


class Linear:
    """out = x @ weight; params: weight (D_in, D_out)."""

    @staticmethod
    def init(rng, d_in, d_out):
        """Variance 1 / d_in keeps the size of what flows through."""
        return {"weight": rng.standard_normal((d_in, d_out)) * d_in**-0.5}

    @staticmethod
    def forward(params, x):
        out = x @ params["weight"]  # (..., D_in) @ (D_in, D_out) -> (..., D_out)
        return out, (x, params["weight"])

    @staticmethod
    def backward(dout, cache):
        x, weight = cache
        dx = dout @ weight.T  # (..., D_in)
        # Every position of every sequence adds to the one weight.
        flat_x = x.reshape(-1, x.shape[-1])  # (N, D_in)
        flat_dout = dout.reshape(-1, dout.shape[-1])  # (N, D_out)
        return dx, {"weight": flat_x.T @ flat_dout}


class RMSNorm:
    """out = gain * x / rms(x), rms over the last axis; params: gain (D,)."""

    def __init__(self, xp):
        self.xp = xp

    @staticmethod
    def init(d):
        return {"gain": [1.0] * d}

    def forward(self, params, x):
        gain = params["gain"]
        inverse_rms = 1 / self.xp.sqrt((x * x).mean(axis=-1, keepdims=True) + NORM_EPSILON)  # (..., 1)
        normed = x * inverse_rms  # (..., D)
        return normed * gain, (normed, inverse_rms, gain)

    @staticmethod
    def backward(dout, cache):
        normed, inverse_rms, gain = cache
        dgain = (dout * normed).reshape(-1, normed.shape[-1]).sum(axis=0)  # (D,)
        dnormed = dout * gain  # (..., D)
        # d(1/rms)/dx = -x / (D rms^3): what points along x changes nothing but the size, which the norm removes.
        along = (dnormed * normed).mean(axis=-1, keepdims=True)  # (..., 1)
        return (dnormed - normed * along) * inverse_rms, {"gain": dgain}


class MLP:
    """out = relu(x @ up) @ down; params: up (D, F), down (F, D)."""

    def __init__(self, xp):
        self.xp = xp

    @staticmethod
    def init(rng, d, f):
        return {"up": Linear.init(rng, d, f)["weight"], "down": Linear.init(rng, f, d)["weight"]}

    def forward(self, params, x):
        before, up_cache = Linear.forward({"weight": params["up"]}, x)  # (..., F)
        after = self.xp.maximum(before, 0)
        out, down_cache = Linear.forward({"weight": params["down"]}, after)  # (..., D)
        return out, (up_cache, before > 0, down_cache)

    @staticmethod
    def backward(dout, cache):
        up_cache, positive, down_cache = cache
        dafter, down_grads = Linear.backward(dout, down_cache)
        dx, up_grads = Linear.backward(dafter * positive, up_cache)
        return dx, {"up": up_grads["weight"], "down": down_grads["weight"]}


class Embedding:
    """out = table[ids]; params: table (V, D). Ids have no gradient, so `backward` gives None for dx."""

    def __init__(self, xp):
        self.xp = xp

    @staticmethod
    def init(rng, v, d):
        return {"table": rng.standard_normal((v, d))}

    @staticmethod
    def forward(params, ids):
        return params["table"][ids], (ids, params["table"].shape)  # (B, T, D)

    def backward(self, dout, cache):
        ids, shape = cache
        dtable = self.xp.zeros(shape, dtype=dout.dtype)
        # An id that occurs twice gathers both gradients; plain indexing would keep only one.
        self.xp.add.at(dtable, ids, dout)
        return None, {"table": dtable}


def token_nats(logits, targets, xp):
    """-log softmax(logits)[target] of each target in nats; logits (..., V), targets (...) -> (...)."""
    nats, _, _ = _log_softmax_parts(logits.reshape(-1, logits.shape[-1]), targets.reshape(-1), xp)
    return nats.reshape(targets.shape)


def output_nats(x, weight, targets, xp):
    """`token_nats` of the logits x @ weight, made for a stretch of symbols at a time.

    x (..., D), weight (D, V), targets (...) -> (...). The logits of 65,536 symbols do not fit into a cache, and
    each pass over them in memory takes as long as the product that makes them.
    """
    flat, wanted = x.reshape(-1, x.shape[-1]), targets.reshape(-1)  # (N, D), (N,)
    few = max(LEAST, STRETCH // max(1, len(flat)))
    n, dtype = len(flat), flat.dtype
    target, highest, sums = xp.full(n, float("nan"), dtype), xp.full(n, -float("inf"), dtype), xp.zeros(n, dtype)
    for begin in range(0, weight.shape[1], few):
        logits = flat @ weight[:, begin : begin + few]
        here = xp.flatnonzero((wanted >= begin) & (wanted < begin + few))
        target[here] = logits[here, wanted[here] - begin]
        before, highest = highest, xp.maximum(highest, logits.max(axis=-1))
        logits -= highest[:, None]
        xp.exp(logits, out=logits)
        sums = sums * xp.exp(before - highest) + logits.sum(axis=-1)  # below the highest so far
    return (xp.log(sums) + highest - target).reshape(targets.shape)


def _log_softmax_parts(flat, wanted, xp):
    """(nats (N,), log Z (N,), probabilities (N, V)) of logits (N, V) and targets (N,)."""
    highest = flat.max(axis=-1, keepdims=True)  # exp never overflows
    # In place: at a vocabulary of 65,536 each further array of this size costs as much as a matrix product.
    probabilities = flat - highest
    xp.exp(probabilities, out=probabilities)
    sums = probabilities.sum(axis=-1, keepdims=True)
    probabilities /= sums
    log_z = (xp.log(sums) + highest)[:, 0]
    return log_z - flat[xp.arange(len(flat)), wanted], log_z, probabilities


class CrossEntropy:
    """Sum over all targets of log Z - logit[target] + z (log Z)^2, in nats, Z = sum of exp(logits).

    The z-loss (paper, section 3.2: z = 1e-4) keeps log Z near 0, so that logits do not drift. For a mean over N
    targets, divide by N and go back with dloss = 1 / N.
    """

    def __init__(self, xp, z_loss=0.0):
        self.xp = xp
        self.z_loss = z_loss

    def forward(self, logits, targets):
        """(loss, cache); logits (N, V), targets (N,) of ids."""
        nats, log_z, probabilities = _log_softmax_parts(logits, targets, self.xp)
        loss = (nats + self.z_loss * log_z * log_z).sum()
        return loss, (probabilities, log_z, targets)

    def backward(self, dloss, cache):
        """dlogits (N, V)."""
        probabilities, log_z, targets = cache
        # d log Z / d logits is the softmax; both terms pull on it.
        dlogits = probabilities * (dloss * (1 + 2 * self.z_loss * log_z))[:, None]
        dlogits[self.xp.arange(len(targets)), targets] -= dloss
        return dlogits
