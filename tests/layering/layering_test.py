#!/usr/bin/env python3
"""Who may include whom: docs/architecture.md as a test. Run from the source root; exit 1 names every violation."""
import os
import re
import sys
import tempfile

# Module of a file: the longest prefix wins. Value: (rank, extra prefixes it may include beside lower ranks).
MODULES = {
    "core/base": 0,
    "platforms": 1,
    "core/tensor": 2, "core/quant": 2,
    "core/graph": 3,
    "core/device": 4,
    "core/model": 5, "core/text": 5, "core/sampling": 5, "core/kv": 5,
    "core/exec": 6,
    "core/engine": 7,
    "core/api": 8,
}
ALLOWED = {  # beside lower ranks and itself
    "core/quant": ["core/tensor"],
    "core/text": ["core/model"],
    "core/api": ["core/include", "backends/builtin.h"],
}
FORBIDDEN = {"core/exec": ["core/text", "core/sampling"]}
BACKEND_MAY = ["core/base", "core/tensor", "core/quant", "core/graph", "core/device", "platforms"]
VENDOR = re.compile(r"^(Eigen|nlohmann|tbb|oneapi|spdlog|fmt|pcre2|utf8proc|xxhash|boost|cuda|vulkan)\b")
VENDOR_HEADERS_MAY = ("tools/cli/", "tests/", "backends/cuda/")
# Inside the CUDA backend: what the kernels' side may include. The host's side may include all of it.
CUDA_PARTS = {
    "backends/cuda/device": ["backends/cuda/device", "backends/cuda/formats", "core/base/e4m3.h",
                             "core/device/choice_math.h", "core/device/token_choice.h"],
    "backends/cuda/formats": ["backends/cuda/device", "backends/cuda/formats"],
    "backends/cuda/ops": ["backends/cuda/device", "backends/cuda/formats", "backends/cuda/ops",
                          "core/device/kv_fp8.h"],
}
INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]')
SUFFIXES = (".h", ".hpp", ".cpp", ".inl", ".c", ".cu", ".cuh")


def module_of(path):
    best = ""
    for name in MODULES:
        if path.startswith(name + "/") and len(name) > len(best):
            best = name
    return best


def starts(path, prefixes):
    return any(path == p or path.startswith(p + "/") for p in prefixes)


def check_include(path, target):
    """Why path must not include target, or None."""
    if path.startswith(("tests/", "bench/", "tools/synth/")):
        return None
    if path.startswith("tools/ops/"):
        ok = target.startswith(("core/", "tools/ops/")) or target == "backends/builtin.h"
        return None if ok else "tools/ops sees backends by their list only"
    if path.startswith("tools/cli/"):
        ok = target.startswith(("dunlin/", "tools/ops/", "tools/synth/")) or "/" not in target or target.startswith(("../", "commands/"))
        return None if ok else "tools/cli sees the public API only"
    if target.startswith("dunlin/"):
        return None if path.startswith(("core/api/", "core/include/")) else "only core/api defines the public API"
    if path.startswith("core/include/"):
        return "public headers include public headers only"
    for part, may in CUDA_PARTS.items():
        if path.startswith(part + "/"):
            return None if starts(target, may) else f"{part} may include {', '.join(may)}"
    if path.startswith("backends/"):
        parts = path.split("/")
        own = "/".join(parts[:2]) if len(parts) > 2 else "backends"
        if len(parts) == 2:
            is_entry = re.fullmatch(r"backends/\w+/(device|backend)\.h|backends/builtin\.h", target)
            return None if is_entry or target.startswith("core/device/") else "builtin lists backends by their entry"
        return None if starts(target, BACKEND_MAY + [own]) else f"{own} may include {', '.join(BACKEND_MAY)} and itself"
    mine = module_of(path)
    if not mine:
        return None
    theirs = module_of(target)
    if theirs == mine or starts(target, ALLOWED.get(mine, [])):
        return None
    if starts(target, FORBIDDEN.get(mine, [])):
        return f"{mine} must not know {target}"
    if not theirs or MODULES[theirs] >= MODULES[mine]:
        return f"{mine} may include lower ranks only"
    return None


def check_file(root, path):
    problems = []
    with open(os.path.join(root, path), "rb") as file:
        raw = file.read()
    if any(byte > 126 for byte in raw):
        problems.append("has bytes that are not ASCII")
    text = raw.decode("ascii", "replace")
    is_header = path.endswith((".h", ".hpp"))
    if is_header and "#pragma once" not in text and "#ifndef" not in text:
        problems.append("has no include guard")
    if is_header and re.search(r"^\s*using namespace", text, re.M):
        problems.append("has 'using namespace' in a header")
    if path.startswith(("core/", "backends/", "platforms/")) and re.search(r"\bgetenv\b", text):
        problems.append("reads the environment")
    for line in text.split("\n"):
        match = INCLUDE.match(line)
        if not match:
            continue
        quote, target = match.groups()
        if VENDOR.match(target) and is_header and not path.startswith(VENDOR_HEADERS_MAY):
            problems.append(f"header includes vendor header <{target}>")
        if quote == '"':
            why = check_include(path, target)
            if why:
                problems.append(f'includes "{target}": {why}')
    return problems


def check_tree(root):
    problems, n_files = [], 0
    for top in ("core", "platforms", "backends", "tools", "tests", "bench"):
        for folder, _, names in os.walk(os.path.join(root, top)):
            for name in sorted(names):
                if not name.endswith(SUFFIXES):
                    continue
                path = os.path.relpath(os.path.join(folder, name), root)
                n_files += 1
                problems += [f"{path}: {p}" for p in check_file(root, path)]
    return n_files, problems


def self_test():
    """A made-up tree in which every rule is broken once."""
    bad = {
        "core/base/a.h": '#pragma once\n#include "core/graph/graph.h"\n',
        "core/graph/b.cpp": '#include "backends/cpu/device.h"\n',
        "core/exec/c.cpp": '#include "core/text/tokenizer.h"\n',
        "core/quant/d.h": "#pragma once\n#include <nlohmann/json.hpp>\n",
        "core/model/e.h": "#pragma once\nusing namespace std;\n",
        "core/model/f.h": "struct F {};\n",
        "backends/cpu/g.cpp": '#include "backends/cuda/device.h"\n',
        "backends/cuda/device/l.cuh": '#pragma once\n#include "core/graph/graph.h"\n',
        "backends/cuda/ops/m.cu": '#include "backends/cuda/plan.h"\n',
        "backends/cuda/n.h": '#pragma once\n#include "backends/cpu/device.h"\n',
        "backends/n.cpp": '#include "backends/cuda/plan.h"\n',
        "backends/cpu/h.cpp": '#include "core/engine/engine.h"\n',
        "platforms/i.cpp": 'auto* x = getenv("X");\n',
        "tools/ops/o.cpp": '#include "backends/cpu/plan.h"\n',
        "tools/cli/j.cpp": '#include "core/engine/engine.h"\n',
        "core/kv/k.cpp": "// \u00e9\n",
    }
    good = {
        "backends/cuda/ok.h": '#pragma once\n#include <cuda.h>\n#include "backends/cuda/device/x.h"\n',
        "core/graph/ok.cpp": '#include "core/tensor/shape.h"\n#include <vector>\n',
        "core/text/ok.cpp": '#include "core/model/gguf.h"\n#include <nlohmann/json.hpp>\n',
        "tools/cli/ok.cpp": '#include "dunlin/dunlin.hpp"\n',
    }
    with tempfile.TemporaryDirectory() as root:
        for path, text in {**bad, **good}.items():
            os.makedirs(os.path.join(root, os.path.dirname(path)), exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                file.write(text)
        _, problems = check_tree(root)
    named = {p.split(":")[0] for p in problems}
    assert named == set(bad), f"self-test: {sorted(named ^ set(bad))}"


if __name__ == "__main__":
    self_test()
    count, found = check_tree(os.getcwd())
    print("\n".join(found))
    print(f"layering: {count} files, {len(found)} problems")
    sys.exit(1 if found or count == 0 else 0)
