#!/usr/bin/env python3
"""The golden oracle: a float64 forward pass of Llama-like models that shares nothing with the C++ code.

  oracle.py --check MODEL GOLDEN.json    recompute what the file says about MODEL and compare

MODEL is a Hugging Face directory (SafeTensors) or a GGUF file of F32, F16, BF16 and Q8_0 tensors. It covers
llama (llama3 rope scaling, explicit head_dim), mistral, qwen2 (QKV bias) and qwen3 (q/k norms); GQA; tied and untied
heads. Everything is recomputed from the first token at every step: slow, and nothing to get wrong.
"""

import argparse
import json
import math
import os
import sys
from dataclasses import dataclass

import numpy as np

from weight_files import read_gguf, read_safetensors


@dataclass
class Config:
    n_layers: int
    n_heads: int
    n_kv_heads: int
    head_dim: int
    rms_eps: float
    rope_theta: float
    freq_factors: np.ndarray  # [head_dim / 2]: what each rotary frequency is divided by


@dataclass
class Model:
    config: Config
    weights: dict  # Hugging Face names -> float64 arrays


# ---- loading ----


def llama3_freq_factors(head_dim, theta, scaling):
    """Long wavelengths are stretched by factor, short ones kept, those between interpolated (Llama 3.1)."""
    original = scaling["original_max_position_embeddings"]
    low, high, factor = scaling["low_freq_factor"], scaling["high_freq_factor"], scaling["factor"]
    wavelength = 2 * math.pi * theta ** (np.arange(0, head_dim, 2) / head_dim)
    smooth = (original / wavelength - low) / (high - low)
    factors = 1 / ((1 - smooth) / factor + smooth)
    factors[wavelength < original / high] = 1.0
    factors[wavelength > original / low] = factor
    return factors


def load_directory(path):
    with open(os.path.join(path, "config.json")) as f:
        j = json.load(f)
    rope = j.get("rope_parameters") or {"rope_theta": j.get("rope_theta", 10000.0), **(j.get("rope_scaling") or {})}
    head_dim = j.get("head_dim") or j["hidden_size"] // j["num_attention_heads"]
    kind = rope.get("rope_type", rope.get("type", "default"))
    if kind == "llama3":
        factors = llama3_freq_factors(head_dim, rope["rope_theta"], rope)
    elif kind == "default":
        factors = np.ones(head_dim // 2)
    else:
        raise ValueError(f"{path}: rope scaling {kind}")
    config = Config(
        n_layers=j["num_hidden_layers"],
        n_heads=j["num_attention_heads"],
        n_kv_heads=j.get("num_key_value_heads", j["num_attention_heads"]),
        head_dim=head_dim,
        rms_eps=j["rms_norm_eps"],
        rope_theta=rope["rope_theta"],
        freq_factors=factors,
    )
    weights = read_safetensors(os.path.join(path, "model.safetensors"))
    if j.get("tie_word_embeddings"):
        weights["lm_head.weight"] = weights["model.embed_tokens.weight"]
    return Model(config, weights)


GGUF_TO_HF_GLOBAL = {
    "token_embd": "model.embed_tokens",
    "output_norm": "model.norm",
    "output": "lm_head",
}
GGUF_TO_HF_LAYER = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "attn_q_norm": "self_attn.q_norm",
    "attn_k_norm": "self_attn.k_norm",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
HF_TO_GGUF_GLOBAL = {v: k for k, v in GGUF_TO_HF_GLOBAL.items()}
HF_TO_GGUF_LAYER = {v: k for k, v in GGUF_TO_HF_LAYER.items()}


def hf_name(name):
    stem, kind = name.rsplit(".", 1)
    if not stem.startswith("blk."):
        return f"{GGUF_TO_HF_GLOBAL[stem]}.{kind}"
    _, layer, part = stem.split(".", 2)
    return f"model.layers.{layer}.{GGUF_TO_HF_LAYER[part]}.{kind}"


def gguf_name(name):
    stem, kind = name.rsplit(".", 1)
    if not stem.startswith("model.layers."):
        return f"{HF_TO_GGUF_GLOBAL[stem]}.{kind}"
    _, _, layer, part = stem.split(".", 3)
    return f"blk.{layer}.{HF_TO_GGUF_LAYER[part]}.{kind}"


def interleave_halves(rows, n_heads):
    """HF order to the order of GGUF's llama: in each head, row s * half + j goes to 2 j + s."""
    half = rows.shape[0] // n_heads // 2
    return rows.reshape(n_heads, 2, half, -1).swapaxes(1, 2).reshape(rows.shape)


def separate_halves(rows, n_heads):
    """The inverse of interleave_halves."""
    half = rows.shape[0] // n_heads // 2
    return rows.reshape(n_heads, half, 2, -1).swapaxes(1, 2).reshape(rows.shape)


def load_gguf(path):
    metadata, tensors = read_gguf(path)
    arch = metadata["general.architecture"]
    get = lambda key, default=None: metadata.get(f"{arch}.{key}", default)
    n_heads = get("attention.head_count")
    head_dim = get("attention.key_length", get("embedding_length") // n_heads)
    config = Config(
        n_layers=get("block_count"),
        n_heads=n_heads,
        n_kv_heads=get("attention.head_count_kv", n_heads),
        head_dim=head_dim,
        rms_eps=get("attention.layer_norm_rms_epsilon"),
        rope_theta=get("rope.freq_base", 10000.0),
        freq_factors=tensors.pop("rope_freqs.weight", np.ones(head_dim // 2)),
    )
    weights = {hf_name(name): array for name, array in tensors.items()}
    if arch == "llama":
        for name in weights:
            if ".q_proj." in name:
                weights[name] = separate_halves(weights[name], config.n_heads)
            if ".k_proj." in name:
                weights[name] = separate_halves(weights[name], config.n_kv_heads)
    weights.setdefault("lm_head.weight", weights["model.embed_tokens.weight"])
    return Model(config, weights)


def load(path):
    return load_directory(path) if os.path.isdir(path) else load_gguf(path)


# ---- the model ----


def rms_norm(x, weight, eps):
    return weight * x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + eps)


def rotate(x, config):
    """RoPE on x [T, heads, head_dim]; element i turns with element i + head_dim / 2."""
    half = config.head_dim // 2
    frequency = config.rope_theta ** (-np.arange(half) / half) / config.freq_factors
    angle = np.arange(len(x))[:, None, None] * frequency
    a, b = x[..., :half], x[..., half:]
    return np.concatenate([a * np.cos(angle) - b * np.sin(angle), a * np.sin(angle) + b * np.cos(angle)], axis=-1)


def attention(q, k, v):
    """Causal; q [T, heads, head_dim], k and v [T, kv_heads, head_dim]; each kv head serves a group of heads."""
    n_tokens, n_heads, head_dim = q.shape
    group = n_heads // k.shape[1]
    hidden = np.triu(np.full((n_tokens, n_tokens), -np.inf), 1)
    out = np.empty_like(q)
    for h in range(n_heads):
        scores = q[:, h] @ k[:, h // group].T / math.sqrt(head_dim) + hidden
        p = np.exp(scores - scores.max(axis=1, keepdims=True))
        out[:, h] = p / p.sum(axis=1, keepdims=True) @ v[:, h // group]
    return out.reshape(n_tokens, -1)


def forward(model, ids):
    """Logits [T, vocabulary] of the tokens ids."""
    c, w = model.config, model.weights

    def linear(x, name):
        y = x @ w[name + ".weight"].T
        return y + w[name + ".bias"] if name + ".bias" in w else y

    x = w["model.embed_tokens.weight"][np.asarray(ids)]
    for i in range(c.n_layers):
        at = f"model.layers.{i}."
        n = rms_norm(x, w[at + "input_layernorm.weight"], c.rms_eps)
        q = linear(n, at + "self_attn.q_proj").reshape(len(ids), c.n_heads, c.head_dim)
        k = linear(n, at + "self_attn.k_proj").reshape(len(ids), c.n_kv_heads, c.head_dim)
        v = linear(n, at + "self_attn.v_proj").reshape(len(ids), c.n_kv_heads, c.head_dim)
        if at + "self_attn.q_norm.weight" in w:
            q = rms_norm(q, w[at + "self_attn.q_norm.weight"], c.rms_eps)
            k = rms_norm(k, w[at + "self_attn.k_norm.weight"], c.rms_eps)
        x = x + linear(attention(rotate(q, c), rotate(k, c), v), at + "self_attn.o_proj")
        n = rms_norm(x, w[at + "post_attention_layernorm.weight"], c.rms_eps)
        gate = linear(n, at + "mlp.gate_proj")
        x = x + linear(gate / (1 + np.exp(-gate)) * linear(n, at + "mlp.up_proj"), at + "mlp.down_proj")
    return linear(rms_norm(x, w["model.norm.weight"], c.rms_eps), "lm_head")


def greedy(model, ids, n, enough=0.0):
    """n tokens, and the smallest lead that a chosen logit had over the next best; ends early at a lead < enough."""
    n_prompt, ids, smallest_lead = len(ids), list(ids), math.inf
    while len(ids) < n_prompt + n and smallest_lead >= enough:
        logits = forward(model, ids)[-1]
        second, first = np.sort(logits)[-2:]
        smallest_lead = min(smallest_lead, first - second)
        ids.append(int(np.argmax(logits)))
    return ids[n_prompt:], smallest_lead


def prompt_nll(logits, ids):
    """-ln p of each token but the first, given those before it."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return [-log_p[t, ids[t + 1]] for t in range(len(ids) - 1)]


# ---- check ----


def differences(model, golden, tolerance):
    """What a golden entry says that the oracle does not find."""
    logits = forward(model, golden["ids"])
    last = logits[-1]

    def compare(field, found):
        error = np.max(np.abs(np.asarray(golden[field]) - np.asarray(found)), initial=0.0)
        return [f"{field}: off by {error:.3g}"] if not error <= tolerance else []

    out = []
    if "logits" in golden:
        out += compare("logits", last)
    if "top10_ids" in golden:
        best = np.argsort(-last, kind="stable")[:10]
        out += [] if best.tolist() == golden["top10_ids"] else [f"top10_ids: {best.tolist()}"]
        out += compare("top10_logits", last[golden["top10_ids"]])
        out += compare("logits_l2", np.linalg.norm(last))
    if "prompt_nll" in golden:
        out += compare("prompt_nll", prompt_nll(logits, golden["ids"]))
    for field in ("greedy_16", "greedy_32"):
        if field in golden:
            found, _ = greedy(model, golden["ids"], len(golden[field]))
            out += [] if found == golden[field] else [f"{field}: {found}"]
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", nargs=2, metavar=("MODEL", "GOLDEN"), required=True)
    parser.add_argument("--tolerance", type=float, default=2e-6)
    args = parser.parse_args()
    model = load(args.check[0])
    with open(args.check[1]) as f:
        goldens = json.load(f)
    failures = [(i, line) for i, g in enumerate(goldens) for line in differences(model, g, args.tolerance)]
    for i, line in failures:
        print(f"prompt {i}: {line}")
    print(f"{args.check[0]}: {len(goldens)} prompts, {len(failures)} differences")
    return 1 if failures or not goldens else 0


if __name__ == "__main__":
    sys.exit(main())
