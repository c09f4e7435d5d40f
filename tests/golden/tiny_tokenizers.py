"""Tiny but complete tokenizers for the golden models: byte-level BPE and SentencePiece BPE with byte fallback, each as
tokenizer.json and as GGUF metadata. The merges are learned from TEXT."""

from collections import Counter

TEXT = """the king and the queen had a daughter and the daughter had a golden ball and when the weather was
warm she went into the forest and sat down beside the well and threw the ball into the air and caught it again.
then the wind came over the water, and the old woman said: who has been sitting on my chair?"""

BYTE_LEVEL_REGEX = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}%s| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
SPACE_MARK = "\u2581"
NORMAL, UNKNOWN, CONTROL, UNUSED, BYTE = 1, 2, 3, 5, 6

CHATML = (
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>'"
    " + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
INST = (
    "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'user' %}{{ '[INST] ' + message['content']"
    " + ' [/INST]' }}{% else %}{{ message['content'] + eos_token }}{% endif %}{% endfor %}"
)
LLAMA3 = (
    "{{ bos_token }}{% for message in messages %}{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n'"
    " + message['content'] + '<|eot_id|>' }}{% endfor %}{% if add_generation_prompt %}"
    "{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
)


def learn_merges(words, n):
    """Byte pair encoding: n times the most frequent adjacent pair, the first in text order on ties."""
    words = Counter(tuple(w) for w in words)
    merges = []
    for _ in range(n):
        pairs = Counter()
        for word, count in words.items():
            for pair in zip(word, word[1:]):
                pairs[pair] += count
        best = pairs.most_common(1)[0][0]
        merges.append(best)
        merged = Counter()
        for word, count in words.items():
            out = []
            for symbol in word:
                if out and (out[-1], symbol) == best:
                    out[-1] += symbol
                else:
                    out.append(symbol)
            merged[tuple(out)] += count
        words = merged
    return merges


def byte_alphabet():
    """byte -> the printable character that stands for it in byte-level BPE."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    alphabet = {b: chr(b) for b in printable}
    for b in range(256):
        alphabet.setdefault(b, chr(0x100 + len(alphabet) - len(printable)))
    return alphabet


def added_token(token, index):
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {"id": index, "content": token, **flags, "special": True}


def prepend_token(token, index):
    """The post-processor that puts a BOS in front."""
    special = lambda type_id: {"SpecialToken": {"id": token, "type_id": type_id}}
    sequence = lambda name, type_id: {"Sequence": {"id": name, "type_id": type_id}}
    return {
        "type": "TemplateProcessing",
        "single": [special(0), sequence("A", 0)],
        "pair": [special(0), sequence("A", 0), special(1), sequence("B", 1)],
        "special_tokens": {token: {"id": token, "ids": [index], "tokens": [token]}},
    }


def tokenizer_json(added, normalizer, pre_tokenizer, post_processor, decoder, model):
    base = {"dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None}
    base.update({"fuse_unk": False, "byte_fallback": False, "ignore_merges": False})
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": normalizer,
        "pre_tokenizer": pre_tokenizer,
        "post_processor": post_processor,
        "decoder": decoder,
        "model": {"type": "BPE", **base, **model},
    }


class ByteLevelTokenizer:
    """256 bytes, 40 merges, then the special tokens."""

    def __init__(self, pre, specials, bos, eos, template, hf_class):
        self.pre, self.bos, self.eos, self.template, self.hf_class = pre, bos, eos, template, hf_class
        alphabet = byte_alphabet()
        space = alphabet[ord(" ")]
        words = TEXT.replace("\n", " ").split(" ")
        self.merges = learn_merges([words[0]] + [space + w for w in words[1:]], 40)
        self.tokens = sorted(alphabet.values()) + [a + b for a, b in self.merges]
        self.n_normal = len(self.tokens)
        self.tokens += specials
        self.ids = {t: i for i, t in enumerate(self.tokens)}
        assert len(self.ids) == len(self.tokens)

    def json(self):
        llama = self.pre == "llama-bpe"
        split = {"Regex": BYTE_LEVEL_REGEX % ("{1,3}" if llama else "")}
        byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
        return tokenizer_json(
            [added_token(t, self.ids[t]) for t in self.tokens[self.n_normal :]],
            None if llama else {"type": "NFC"},
            {
                "type": "Sequence",
                "pretokenizers": [
                    {"type": "Split", "pattern": split, "behavior": "Isolated", "invert": False},
                    byte_level,
                ],
            },
            prepend_token(self.bos, self.ids[self.bos]) if self.bos else byte_level,
            byte_level,
            {
                "ignore_merges": llama,
                "vocab": {t: i for t, i in self.ids.items() if i < self.n_normal},
                "merges": [list(m) for m in self.merges],
            },
        )

    def config(self, max_length):
        return {
            "tokenizer_class": self.hf_class,
            "model_max_length": max_length,
            "bos_token": self.bos,
            "eos_token": self.eos,
            "unk_token": None,
            "add_bos_token": self.bos is not None,
            "clean_up_tokenization_spaces": False,
            "chat_template": self.template,
        }

    def gguf(self, n_rows):
        """n_rows: rows of the embedding; converters fill up with unused tokens."""
        pads = [f"[PAD{i}]" for i in range(len(self.tokens), n_rows)]
        n_special = len(self.tokens) - self.n_normal
        out = {
            "tokenizer.ggml.model": "gpt2",
            "tokenizer.ggml.pre": self.pre,
            "tokenizer.ggml.tokens": self.tokens + pads,
            "tokenizer.ggml.token_type": [NORMAL] * self.n_normal + [CONTROL] * n_special + [UNUSED] * len(pads),
            "tokenizer.ggml.merges": [f"{a} {b}" for a, b in self.merges],
            "tokenizer.ggml.eos_token_id": self.ids[self.eos],
            "tokenizer.ggml.add_bos_token": self.bos is not None,
            "tokenizer.chat_template": self.template,
        }
        if self.bos:
            out["tokenizer.ggml.bos_token_id"] = self.ids[self.bos]
        return out


class SentencePieceTokenizer:
    """<unk> <s> </s>, 256 byte tokens, merged pieces from the best score down, then single characters."""

    bos, eos = "<s>", "</s>"

    def __init__(self):
        words = [SPACE_MARK + w for w in TEXT.replace("\n", " ").split(" ")]
        pieces = [a + b for a, b in learn_merges(words, 32)]
        characters = sorted(set("".join(words)))
        self.tokens = ["<unk>", self.bos, self.eos] + [f"<0x{b:02X}>" for b in range(256)] + pieces + characters
        self.first_piece = 3 + 256
        self.ids = {t: i for i, t in enumerate(self.tokens)}
        assert len(self.ids) == len(self.tokens)

    def merges(self):
        """Every way to put a piece together from two, in the order of the pieces' scores."""
        out = []
        for piece in self.tokens[self.first_piece :]:
            splits = [(piece[:i], piece[i:]) for i in range(1, len(piece))]
            splits = [s for s in splits if s[0] in self.ids and s[1] in self.ids]
            out += sorted(splits, key=lambda s: (self.ids[s[0]], self.ids[s[1]]))
        return out

    def json(self):
        replace = lambda pattern, content: {"type": "Replace", "pattern": {"String": pattern}, "content": content}
        normalizers = [{"type": "Prepend", "prepend": SPACE_MARK}, replace(" ", SPACE_MARK)]
        decoders = [
            replace(SPACE_MARK, " "),
            {"type": "ByteFallback"},
            {"type": "Fuse"},
            {"type": "Strip", "content": " ", "start": 1, "stop": 0},
        ]
        return tokenizer_json(
            [added_token(t, self.ids[t]) for t in self.tokens[:3]],
            {"type": "Sequence", "normalizers": normalizers},
            None,
            prepend_token(self.bos, self.ids[self.bos]),
            {"type": "Sequence", "decoders": decoders},
            {
                "unk_token": "<unk>",
                "fuse_unk": True,
                "byte_fallback": True,
                "vocab": self.ids,
                "merges": [list(m) for m in self.merges()],
            },
        )

    def config(self, max_length):
        return {
            "tokenizer_class": "LlamaTokenizer",
            "model_max_length": max_length,
            "bos_token": self.bos,
            "eos_token": self.eos,
            "unk_token": "<unk>",
            "add_bos_token": True,
            "add_eos_token": False,
            "legacy": True,
            "clean_up_tokenization_spaces": False,
            "chat_template": INST,
        }

    def gguf(self, n_rows):
        assert n_rows == len(self.tokens)
        n_pieces = n_rows - self.first_piece
        return {
            "tokenizer.ggml.model": "llama",
            "tokenizer.ggml.pre": "default",
            "tokenizer.ggml.tokens": self.tokens,
            "tokenizer.ggml.scores": [0.0] * self.first_piece + [float(-i) for i in range(n_pieces)],
            "tokenizer.ggml.token_type": [UNKNOWN, CONTROL, CONTROL] + [BYTE] * 256 + [NORMAL] * n_pieces,
            "tokenizer.ggml.bos_token_id": 1,
            "tokenizer.ggml.eos_token_id": 2,
            "tokenizer.ggml.unknown_token_id": 0,
            "tokenizer.ggml.add_bos_token": True,
            "tokenizer.ggml.add_eos_token": False,
            "tokenizer.ggml.add_space_prefix": True,
            "tokenizer.chat_template": INST,
        }


def llama3_tokenizer():
    specials = ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]
    return ByteLevelTokenizer(
        "llama-bpe", specials, "<|begin_of_text|>", "<|eot_id|>", LLAMA3, "PreTrainedTokenizerFast"
    )


def qwen_tokenizer():
    specials = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    return ByteLevelTokenizer("qwen2", specials, None, "<|im_end|>", CHATML, "Qwen2Tokenizer")
