"""Answers to the exercises of tutorial 12 as careless students write them."""

import json
from itertools import islice

import numpy as np


def reads_all_lines(lines, begin, end):
    return [json.loads(line)["text"].encode() for line in list(lines)[begin:end]]


def one_line_too_many(lines, begin, end):
    found = []
    for place, line in enumerate(lines):
        if place >= end:
            break
        if place >= begin:
            found.append(json.loads(line)["text"].encode())
    return found


def end_included(lines, begin, end):
    return [json.loads(line)["text"].encode() for line in islice(lines, begin, end + 1)]


def strings_and_not_bytes(lines, begin, end):
    return [json.loads(line)["text"] for line in islice(lines, begin, end)]


def begins_at_the_front(lines, begin, end):
    return [json.loads(line)["text"].encode() for line in islice(lines, end - begin)]


def whole_lines(lines, begin, end):
    return list(islice(lines, begin, end))


def ascii_only(lines, begin, end):
    return [json.loads(line)["text"].encode("ascii", "replace") for line in islice(lines, begin, end)]


def all_shards_joined(shards, begin, end):
    return np.concatenate([shard[:] for shard in shards])[begin:end]


def whole_shards_that_are_touched(shards, begin, end):
    found, offset = [], 0
    for shard in shards:
        if offset < end and offset + len(shard) > begin:
            found.append(shard[:][max(0, begin - offset) : end - offset])
        offset += len(shard)
    return np.concatenate(found)


def at_most_two_shards(shards, begin, end):
    offset = 0
    for shard, after in zip(shards, [*shards[1:], None], strict=True):
        if begin < offset + len(shard):
            found = shard[begin - offset : end - offset]
            rest = end - offset - len(shard)
            return np.concatenate([found, after[:rest]]) if rest > 0 else found
        offset += len(shard)
    return None


def offset_forgotten(shards, begin, end):
    return np.concatenate([shard[begin:end] for shard in shards])


def only_the_first_shard(shards, begin, end):
    offset = 0
    for shard in shards:
        if begin < offset + len(shard):
            return shard[begin - offset : end - offset]
        offset += len(shard)
    return None


def piece_as_a_list(shards, begin, end):
    found, offset = [], 0
    for shard in shards:
        found += shard[max(0, begin - offset) : max(0, end - offset)].tolist()
        offset += len(shard)
    return found


def _fixed(layers, d_model, d_mlp, symbols, mlp=2, arrays=4, width=4, ends=None):
    embeddings = 2 * symbols + 1 if ends is None else ends
    return arrays * width * (layers * (4 * d_model**2 + mlp * d_model * d_mlp) + d_model * embeddings)


def weights_alone(*shape):
    return _fixed(*shape, arrays=1)


def gradient_forgotten(*shape):
    return _fixed(*shape, arrays=3)


def float64(*shape):
    return _fixed(*shape, width=8)


def numbers_and_not_bytes(*shape):
    return _fixed(*shape, width=1)


def without_embeddings(*shape):
    return _fixed(*shape, ends=0)


def start_forgotten(layers, d_model, d_mlp, symbols):
    return _fixed(layers, d_model, d_mlp, symbols, ends=2 * symbols)


def without_the_maximum(x, xp):
    with np.errstate(over="ignore"):
        return x - xp.log(xp.exp(x).sum(axis=-1, keepdims=True))


def numpy_all_the_same(x, xp):
    shifted = x - x.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def over_the_first_axis(x, xp):
    shifted = x - x.max(axis=0, keepdims=True)
    return shifted - xp.log(xp.exp(shifted).sum(axis=0, keepdims=True))


def over_all_of_it(x, xp):
    shifted = x - x.max()
    return shifted - xp.log(xp.exp(shifted).sum())


def softmax_without_the_log(x, xp):
    powers = xp.exp(x - x.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def log_of_the_shares(x, xp):
    powers = xp.exp(x - x.max(axis=-1, keepdims=True))
    with np.errstate(divide="ignore"):
        return xp.log(powers / powers.sum(axis=-1, keepdims=True))


def axis_is_lost(x, xp):
    shifted = x - x.max(axis=-1)
    return shifted - xp.log(xp.exp(shifted).sum(axis=-1))


def in_float64(x, xp):
    shifted = x.astype(np.float64) - x.max(axis=-1, keepdims=True)
    return shifted - xp.log(xp.exp(shifted).sum(axis=-1, keepdims=True))


def forward_pass_only(weights, training_tokens, flops_a_second):
    return 2.0 * weights * training_tokens, 2.0 * weights * training_tokens / flops_a_second / 86_400


def backward_as_dear_as_forward(weights, training_tokens, flops_a_second):
    return 4.0 * weights * training_tokens, 4.0 * weights * training_tokens / flops_a_second / 86_400


def in_hours(weights, training_tokens, flops_a_second):
    return 6.0 * weights * training_tokens, 6.0 * weights * training_tokens / flops_a_second / 3_600


def whole_days(weights, training_tokens, flops_a_second):
    flops = 6.0 * weights * training_tokens
    return flops, flops // flops_a_second // 86_400


def days_alone(weights, training_tokens, flops_a_second):
    return 6.0 * weights * training_tokens / flops_a_second / 86_400


WRONG = {
    "12.1": [
        *(reads_all_lines, one_line_too_many, end_included, strings_and_not_bytes, begins_at_the_front),
        *(whole_lines, ascii_only),
    ],
    "12.2": [
        *(all_shards_joined, whole_shards_that_are_touched, at_most_two_shards, offset_forgotten),
        *(only_the_first_shard, piece_as_a_list),
    ],
    "12.3": [
        *(weights_alone, gradient_forgotten, float64, numbers_and_not_bytes, without_embeddings),
        start_forgotten,
    ],
    "12.4": [
        *(without_the_maximum, numpy_all_the_same, over_the_first_axis, over_all_of_it),
        *(softmax_without_the_log, axis_is_lost, in_float64, log_of_the_shares),
    ],
    "12.5": [forward_pass_only, backward_as_dear_as_forward, in_hours, whole_days, days_alone],
}
