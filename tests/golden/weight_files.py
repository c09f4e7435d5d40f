"""Readers and writers of SafeTensors and GGUF in a few lines of NumPy: enough for the golden models, and
written apart from the C++ readers so that the two can contradict each other."""

import json
import struct

import numpy as np

ALIGNMENT = 32
Q8_BLOCK = 32
GGML_IDS = {"F32": 0, "F16": 1, "Q8_0": 8, "BF16": 30}
GGML_NAMES = {v: k for k, v in GGML_IDS.items()}


# ---- element types: float arrays <-> bytes ----


def encode_bf16(x):
    """Round to nearest even; the input holds no NaN."""
    bits = np.ascontiguousarray(x, np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


def decode_bf16(halves):
    return (halves.astype(np.uint32) << 16).view(np.float32)


def encode_q8_0(x):
    """Blocks of 32: f16 d = max|x| / 127, then 32 codes rounded half away from zero with the unrounded d."""
    blocks = np.ascontiguousarray(x, np.float32).reshape(-1, Q8_BLOCK)
    d = np.abs(blocks).max(axis=1) / np.float32(127)
    inverse = np.divide(np.float32(1), d, out=np.zeros_like(d), where=d != 0)
    scaled = blocks * inverse[:, None]
    out = np.zeros(len(blocks), [("d", "<f2"), ("q", "i1", Q8_BLOCK)])
    out["d"] = d.astype(np.float16)
    out["q"] = (np.sign(scaled) * np.floor(np.abs(scaled) + np.float32(0.5))).astype(np.int8)
    return out


def decode_q8_0(raw):
    blocks = np.frombuffer(raw, [("d", "<f2"), ("q", "i1", Q8_BLOCK)])
    return (blocks["d"].astype(np.float64)[:, None] * blocks["q"]).reshape(-1)


def encode(x, dtype):
    if dtype == "F32":
        return np.ascontiguousarray(x, "<f4").tobytes()
    if dtype == "F16":
        return np.ascontiguousarray(x, "<f2").tobytes()
    if dtype == "BF16":
        return encode_bf16(x).tobytes()
    if dtype == "Q8_0":
        return encode_q8_0(x).tobytes()
    raise ValueError(f"dtype {dtype}")


def decode(raw, dtype):
    if dtype == "F32":
        return np.frombuffer(raw, "<f4").astype(np.float64)
    if dtype == "F16":
        return np.frombuffer(raw, "<f2").astype(np.float64)
    if dtype == "BF16":
        return decode_bf16(np.frombuffer(raw, "<u2")).astype(np.float64)
    if dtype == "Q8_0":
        return decode_q8_0(raw)
    raise ValueError(f"dtype {dtype}")


def encoded_bytes(n, dtype):
    return n // Q8_BLOCK * 34 if dtype == "Q8_0" else n * {"F32": 4, "F16": 2, "BF16": 2}[dtype]


# ---- SafeTensors ----


def read_safetensors(path):
    """name -> float64 array."""
    with open(path, "rb") as f:
        raw = f.read()
    (n_header,) = struct.unpack_from("<Q", raw)
    header = json.loads(raw[8 : 8 + n_header])
    data = raw[8 + n_header :]
    tensors = {}
    for name, info in header.items():
        if name != "__metadata__":
            begin, end = info["data_offsets"]
            tensors[name] = decode(data[begin:end], info["dtype"]).reshape(info["shape"])
    return tensors


def write_safetensors(path, tensors, dtype):
    header = {"__metadata__": {"format": "pt"}}
    data = b""
    for name in sorted(tensors):
        raw = encode(tensors[name], dtype)
        header[name] = {
            "dtype": dtype,
            "shape": list(tensors[name].shape),
            "data_offsets": [len(data), len(data) + len(raw)],
        }
        data += raw
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + data)


# ---- GGUF ----

# GGUF value type ids and how struct packs them. Python values choose: bool, int -> u32, float -> f32, str, and
# lists by their first element; list[int] is i32, as token_type wants it.
SCALAR_FORMATS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
U32, I32, F32, BOOL, STRING, ARRAY = 4, 5, 6, 7, 8, 9


def pack_string(s):
    raw = s.encode()
    return struct.pack("<Q", len(raw)) + raw


def value_type(value):
    for python_type, gguf_type in ((bool, BOOL), (int, U32), (float, F32), (str, STRING)):
        if isinstance(value, python_type):
            return gguf_type
    raise TypeError(type(value))


def pack_value(value, gguf_type):
    return pack_string(value) if gguf_type == STRING else struct.pack(SCALAR_FORMATS[gguf_type], value)


def pack_pair(key, value):
    out = pack_string(key)
    if isinstance(value, list):
        element = value_type(value[0])
        element = I32 if element == U32 else element
        out += struct.pack("<iiQ", ARRAY, element, len(value))
        return out + b"".join(pack_value(v, element) for v in value)
    return out + struct.pack("<i", value_type(value)) + pack_value(value, value_type(value))


def write_gguf(path, metadata, tensors):
    """tensors: name -> (array in row-major order, dtype)."""
    head = b"GGUF" + struct.pack("<Iqq", 3, len(tensors), len(metadata))
    head += b"".join(pack_pair(k, v) for k, v in metadata.items())
    data = b""
    for name, (array, dtype) in tensors.items():
        dims = array.shape[::-1]
        head += pack_string(name) + struct.pack(f"<I{len(dims)}q", len(dims), *dims)
        head += struct.pack("<iQ", GGML_IDS[dtype], len(data))
        raw = encode(array, dtype)
        data += raw + b"\0" * (-len(raw) % ALIGNMENT)
    head += b"\0" * (-len(head) % ALIGNMENT)
    with open(path, "wb") as f:
        f.write(head + data)


class Cursor:
    def __init__(self, raw):
        self.raw = raw
        self.at = 0

    def unpack(self, form):
        values = struct.unpack_from(form, self.raw, self.at)
        self.at += struct.calcsize(form)
        return values[0] if len(values) == 1 else values

    def string(self):
        n = self.unpack("<Q")
        self.at += n
        return self.raw[self.at - n : self.at].decode()

    def value(self, gguf_type):
        if gguf_type == STRING:
            return self.string()
        if gguf_type == ARRAY:
            element, n = self.unpack("<iQ")
            return [self.value(element) for _ in range(n)]
        return self.unpack(SCALAR_FORMATS[gguf_type])


def read_gguf(path):
    """(metadata, name -> float64 array)."""
    with open(path, "rb") as f:
        cursor = Cursor(f.read())
    magic, version, n_tensors, n_kv = cursor.unpack("<4sIqq")
    assert magic == b"GGUF" and version in (2, 3), path
    metadata = {}
    for _ in range(n_kv):
        key = cursor.string()
        metadata[key] = cursor.value(cursor.unpack("<i"))
    infos = []
    for _ in range(n_tensors):
        name = cursor.string()
        dims = [cursor.unpack("<q") for _ in range(cursor.unpack("<I"))]
        infos.append((name, dims[::-1], *cursor.unpack("<iQ")))
    alignment = metadata.get("general.alignment", ALIGNMENT)
    start = (cursor.at + alignment - 1) // alignment * alignment
    tensors = {}
    for name, shape, type_id, offset in infos:
        dtype = GGML_NAMES[type_id]
        size = encoded_bytes(int(np.prod(shape)), dtype)
        raw = cursor.raw[start + offset : start + offset + size]
        tensors[name] = decode(raw, dtype).reshape(shape)
    return metadata, tensors
