#!/usr/bin/env python3
"""Makes the golden models: random weights, real containers, and what the oracle computes from them.

  make_tiny_models.py [--out tests/data/golden]

Per model: NAME/ with config.json, model.safetensors, tokenizer.json, ..., and the same weights as GGUF in 16 or 32 bits
(NAME.json holds for both) and in Q8_0 (NAME-q8_0.json). Weights are rounded to values that F16 and BF16 both
hold, so every container of 16 bits or more has exactly the same numbers. NAME.json is a list of prompts: ids, logits
of the last position, greedy_16. Fixed seeds: the same files every time.
"""

import argparse
import json
import os

import numpy as np

import oracle
from tiny_tokenizers import SentencePieceTokenizer, llama3_tokenizer, qwen_tokenizer
from weight_files import decode_bf16, encode_bf16, write_gguf, write_safetensors

HIDDEN, FFN, HEADS, KV_HEADS, CONTEXT = 64, 128, 4, 2, 256
PROMPT_LENGTHS = (2, 6, 17, 48)
N_GREEDY = 16
# Of each greedy token over the next best logit. Kernels that quantize activations to 8 bits move single logits by
# about 0.1; the text must not depend on it.
SMALLEST_LEAD = 0.2
MIN_DISTINCT = 6
SMALLEST_F16_NORMAL = 2.0**-14


class Spec:
    """One tiny model: its config.json, and how it is written."""

    def __init__(self, name, seed, tokenizer, hf_dtype, gguf_dtype, config, n_rows=None):
        self.name, self.seed, self.tokenizer = name, seed, tokenizer
        self.hf_dtype, self.gguf_dtype = hf_dtype, gguf_dtype
        self.n_rows = n_rows or len(tokenizer.tokens)
        self.config = {
            "attention_dropout": 0.0,
            "bos_token_id": tokenizer.ids.get(tokenizer.bos),
            "eos_token_id": tokenizer.ids[tokenizer.eos],
            "hidden_act": "silu",
            "hidden_size": HIDDEN,
            "initializer_range": 0.02,
            "intermediate_size": FFN,
            "max_position_embeddings": CONTEXT,
            "num_attention_heads": HEADS,
            "num_hidden_layers": 2,
            "num_key_value_heads": KV_HEADS,
            "tie_word_embeddings": False,
            "torch_dtype": {"BF16": "bfloat16", "F16": "float16", "F32": "float32"}[hf_dtype],
            "use_cache": True,
            "vocab_size": self.n_rows,
            **config,
        }

    @property
    def arch(self):
        return {"mistral": "llama"}.get(self.config["model_type"], self.config["model_type"])

    @property
    def head_dim(self):
        return self.config.get("head_dim", HIDDEN // HEADS)


def specs():
    llama = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "attention_bias": False,
        "mlp_bias": False,
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0,
        "rope_scaling": {
            "rope_type": "llama3",
            "factor": 8.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 64,
        },
    }
    mistral = {
        "architectures": ["MistralForCausalLM"],
        "model_type": "mistral",
        "head_dim": 32,
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0,
        "sliding_window": None,
    }
    qwen2 = {
        "architectures": ["Qwen2ForCausalLM"],
        "model_type": "qwen2",
        "max_window_layers": 2,
        "rms_norm_eps": 1e-6,
        "rope_theta": 1000000.0,
        "sliding_window": CONTEXT,
        "tie_word_embeddings": True,
        "use_sliding_window": False,
    }
    qwen3 = {
        "architectures": ["Qwen3ForCausalLM"],
        "model_type": "qwen3",
        "attention_bias": False,
        "head_dim": 32,
        "max_window_layers": 2,
        "rms_norm_eps": 1e-6,
        # The spelling of transformers 5.
        "rope_parameters": {"rope_theta": 1000000.0, "rope_type": "default"},
        "sliding_window": None,
        "use_sliding_window": False,
    }
    return [
        Spec("tiny-llama", 1, llama3_tokenizer(), "BF16", "F16", llama),
        Spec("tiny-mistral", 2, SentencePieceTokenizer(), "F16", "BF16", mistral),
        # More embedding rows than tokens, as Qwen's real models have.
        Spec("tiny-qwen2", 3, qwen_tokenizer(), "BF16", "F16", qwen2, n_rows=320),
        Spec("tiny-qwen3", 4, qwen_tokenizer(), "F32", "F32", qwen3),
    ]


def make_weights(spec):
    rng = np.random.default_rng(spec.seed)

    def normal(std, *shape):
        x = decode_bf16(encode_bf16(rng.normal(0.0, std, shape)))
        return np.where(np.abs(x) < SMALLEST_F16_NORMAL, np.float32(0), x)

    # A tied head sees the token's own embedding in the residual: the layers must outweigh it, or the model repeats it.
    layer_gain = 1.5 if spec.config["tie_word_embeddings"] else 0.9

    def matrix(n_out, n_in, gain=layer_gain):
        return normal(gain / np.sqrt(n_in), n_out, n_in)

    def norm(n):
        return decode_bf16(encode_bf16(1.0 + rng.normal(0.0, 0.2, n)))

    q_rows, kv_rows = HEADS * spec.head_dim, KV_HEADS * spec.head_dim
    weights = {"model.embed_tokens.weight": normal(0.4, spec.n_rows, HIDDEN), "model.norm.weight": norm(HIDDEN)}
    if not spec.config["tie_word_embeddings"]:
        weights["lm_head.weight"] = normal(0.4, spec.n_rows, HIDDEN)
    for i in range(spec.config["num_hidden_layers"]):
        at = f"model.layers.{i}."
        weights[at + "input_layernorm.weight"] = norm(HIDDEN)
        # Large q and k, so that attention is selective and a wrong rotation shows.
        for name, rows, gain in (("q_proj", q_rows, 1.5), ("k_proj", kv_rows, 1.5), ("v_proj", kv_rows, layer_gain)):
            weights[at + f"self_attn.{name}.weight"] = matrix(rows, HIDDEN, gain)
            if spec.arch == "qwen2":
                weights[at + f"self_attn.{name}.bias"] = normal(0.5, rows)
        if spec.arch == "qwen3":
            weights[at + "self_attn.q_norm.weight"] = norm(spec.head_dim)
            weights[at + "self_attn.k_norm.weight"] = norm(spec.head_dim)
        weights[at + "self_attn.o_proj.weight"] = matrix(HIDDEN, q_rows)
        weights[at + "post_attention_layernorm.weight"] = norm(HIDDEN)
        weights[at + "mlp.gate_proj.weight"] = matrix(FFN, HIDDEN)
        weights[at + "mlp.up_proj.weight"] = matrix(FFN, HIDDEN)
        weights[at + "mlp.down_proj.weight"] = matrix(HIDDEN, FFN)
    return weights


def write_json(path, value):
    with open(path, "w", encoding="utf-8") as f:
        json.dump(value, f, ensure_ascii=False, indent=1)
        f.write("\n")


def write_directory(spec, weights, path):
    os.makedirs(path, exist_ok=True)
    write_safetensors(os.path.join(path, "model.safetensors"), weights, spec.hf_dtype)
    write_json(os.path.join(path, "config.json"), spec.config)
    write_json(os.path.join(path, "tokenizer.json"), spec.tokenizer.json())
    write_json(os.path.join(path, "tokenizer_config.json"), spec.tokenizer.config(CONTEXT))
    ids = {k: spec.config[k] for k in ("bos_token_id", "eos_token_id") if spec.config[k] is not None}
    write_json(os.path.join(path, "generation_config.json"), {"_from_model_config": True, **ids})


def gguf_metadata(spec, file_type):
    c, a = spec.config, spec.arch
    rope = c.get("rope_parameters", c)
    out = {
        "general.architecture": a,
        "general.type": "model",
        "general.name": spec.name,
        "general.file_type": file_type,
        "general.quantization_version": 2,
        f"{a}.block_count": c["num_hidden_layers"],
        f"{a}.context_length": CONTEXT,
        f"{a}.embedding_length": HIDDEN,
        f"{a}.feed_forward_length": FFN,
        f"{a}.attention.head_count": HEADS,
        f"{a}.attention.head_count_kv": KV_HEADS,
        f"{a}.attention.layer_norm_rms_epsilon": c["rms_norm_eps"],
        f"{a}.rope.freq_base": rope["rope_theta"],
        f"{a}.vocab_size": spec.n_rows,
    }
    if "head_dim" in c:
        out[f"{a}.attention.key_length"] = spec.head_dim
        out[f"{a}.attention.value_length"] = spec.head_dim
    if a == "llama":
        out[f"{a}.rope.dimension_count"] = spec.head_dim
    return out | spec.tokenizer.gguf(spec.n_rows)


def write_gguf_model(spec, weights, path, matrix_dtype):
    file_type = {"F32": 0, "F16": 1, "Q8_0": 7, "BF16": 32}[matrix_dtype]
    tensors = {}
    if "rope_scaling" in spec.config:
        factors = oracle.llama3_freq_factors(spec.head_dim, spec.config["rope_theta"], spec.config["rope_scaling"])
        tensors["rope_freqs.weight"] = (factors, "F32")
    for name, array in weights.items():
        if spec.arch == "llama" and ".q_proj." in name:
            array = oracle.interleave_halves(array, HEADS)
        if spec.arch == "llama" and ".k_proj." in name:
            array = oracle.interleave_halves(array, KV_HEADS)
        tensors[oracle.gguf_name(name)] = (array, matrix_dtype if array.ndim == 2 else "F32")
    write_gguf(path, gguf_metadata(spec, file_type), tensors)


def random_prompt(spec, rng, length):
    ids = rng.integers(3, len(spec.tokenizer.tokens) - 5, length).tolist()
    return [spec.tokenizer.ids[spec.tokenizer.bos]] + ids[1:] if spec.tokenizer.bos else ids


def make_goldens(spec, model):
    """Random prompts whose greedy tokens are far from a tie, varied, and text: an engine stops at an end token and
    never chooses the embedding's rows beyond the tokenizer."""
    rng = np.random.default_rng(spec.seed + 1000)
    specials = {t["id"] for t in spec.tokenizer.json()["added_tokens"]}
    text = set(range(len(spec.tokenizer.tokens))) - specials
    goldens = []
    for length in PROMPT_LENGTHS:
        lead, tokens = 0.0, []
        while lead < SMALLEST_LEAD or len(set(tokens)) < MIN_DISTINCT or not text.issuperset(tokens):
            ids = random_prompt(spec, rng, length)
            tokens, lead = oracle.greedy(model, ids, N_GREEDY, SMALLEST_LEAD)
        logits = oracle.forward(model, ids)[-1]
        goldens.append({"ids": ids, "logits": [round(x, 6) for x in logits.tolist()], "greedy_16": tokens})
    return goldens


def write_goldens(path, goldens):
    """A line per field: the logits are long."""
    entries = [",\n".join(f'  "{k}": {json.dumps(v)}' for k, v in g.items()) for g in goldens]
    with open(path, "w") as f:
        f.write("[\n" + ",\n".join(f" {{\n{e}\n }}" for e in entries) + "\n]\n")


def make_model(spec, out):
    folder = os.path.join(out, spec.name)
    weights = make_weights(spec)
    write_directory(spec, weights, folder)
    exact = os.path.join(folder, f"{spec.name}-{spec.gguf_dtype.lower()}.gguf")
    write_gguf_model(spec, weights, exact, spec.gguf_dtype)
    q8_0 = os.path.join(folder, f"{spec.name}-q8_0.gguf")
    write_gguf_model(spec, weights, q8_0, "Q8_0")

    goldens = make_goldens(spec, oracle.load(folder))
    # GGUF keeps frequency factors and epsilons in f32, so the last digits differ.
    assert not [d for g in goldens for d in oracle.differences(oracle.load(exact), g, 1e-5)], exact
    write_goldens(os.path.join(out, f"{spec.name}.json"), goldens)
    write_goldens(os.path.join(out, f"{spec.name}-q8_0.json"), make_goldens(spec, oracle.load(q8_0)))
    spread = np.std([g["logits"] for g in goldens])
    print(f"{spec.name}: {sum(w.size for w in weights.values())} weights, logits' spread {spread:.2f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default="tests/data/golden")
    args = parser.parse_args()
    for spec in specs():
        make_model(spec, args.out)


if __name__ == "__main__":
    main()
