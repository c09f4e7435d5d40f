#!/usr/bin/env python3
"""Who may include whom: docs/architecture.md as a test. Run from the source root; exit 1 names every violation."""
import os
import re
import sys
import tempfile

RULES = "docs/architecture.md"
ROW = re.compile(r"^\| ([^|]+) \| [^|]+ \| ([^|]+) \|$")
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


class Rooms:
    """The table of docs/architecture.md. A room may include itself and what its last cell lists."""

    def __init__(self, text):
        self.may = {}  # room -> the rooms and files that it may include
        section = text.split("\n## Rooms\n")[1].split("\n## ")[0]
        rows = [ROW.match(line) for line in section.split("\n")]
        cells = [(row.group(1), row.group(2)) for row in rows if row][1:]
        self.names = [name for names, _ in cells for name in names.split(", ")]
        for names, cell in cells:
            listed = self.listed(cell)
            for name in names.split(", "):
                self.may[name] = listed

    def listed(self, cell):
        """Names without "core/" are rooms there; "all of the above" may be followed by "but" and those left out."""
        if cell in ("nothing", "standard library"):
            return []
        cell, _, but = cell.partition(" but ")
        out = []
        for name in cell.split(", "):
            if name == "everything":
                out += self.names
            elif name == "all of the above":
                out += list(self.may)
            elif name == "core":
                out += [room for room in self.names if room.startswith("core/")]
            else:
                out.append(self.full_name(name))
        return [name for name in out if name not in [self.full_name(n) for n in but.split(", ")]]

    def full_name(self, name):
        known = name in self.names or "." in name or not name
        assert known or "core/" + name in self.names, f"{RULES}: the table names no room {name}"
        return name if known else "core/" + name

    def room_of(self, path):
        """The longest name that is a folder of the path; a backend's own folder for backends/X. None: in no room."""
        inside = [name for name in self.names if path.startswith(name + "/")]
        if re.match(r"backends/\w+/", path):
            inside.append("backends/X")
        return max(inside, key=len, default=None)

    def why_not(self, path, target):
        """Why path must not include target, or None."""
        mine, theirs = self.room_of(path), self.room_of(target)
        if theirs is None:
            return f"which is in no room of {RULES}"
        if mine is None:
            return None  # told once, of the file
        if mine == theirs == "backends/X":
            own = "/".join(path.split("/")[:2])
            return None if target.startswith(own + "/") else f"{own} must not know another backend"
        as_listed = re.sub(r"^backends/\w+/", "backends/X/", target)
        if mine == theirs or theirs in self.may[mine] or as_listed in self.may[mine]:
            return None
        return f"{mine} may include {', '.join([mine, *self.may[mine]])}"


def starts(path, prefixes):
    return any(path == p or path.startswith(p + "/") for p in prefixes)


def resolved(path, target):
    """The target from the source root. Only the command includes by relative names, and the public headers by their own."""
    if target.startswith("dunlin/"):
        return "core/include/" + target
    if path.startswith("tools/cli/") and ("/" not in target or target.startswith(("../", "commands/"))):
        return os.path.normpath(os.path.join(os.path.dirname(path), target))
    return target


def check_include(rooms, path, target):
    target = resolved(path, target)
    for part, may in CUDA_PARTS.items():
        if path.startswith(part + "/"):
            return None if starts(target, may) else f"{part} may include {', '.join(may)}"
    return rooms.why_not(path, target)


def check_file(rooms, root, path):
    problems = []
    with open(os.path.join(root, path), "rb") as file:
        raw = file.read()
    if any(byte > 126 for byte in raw):
        problems.append("has bytes that are not ASCII")
    if rooms.room_of(path) is None:
        problems.append(f"is in no room of {RULES}")
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
            why = check_include(rooms, path, target)
            if why:
                problems.append(f'includes "{target}": {why}')
    return problems


def check_tree(rooms, root):
    problems, n_files = [], 0
    for top in ("core", "platforms", "backends", "tools", "tests", "bench"):
        for folder, _, names in os.walk(os.path.join(root, top)):
            for name in sorted(names):
                if not name.endswith(SUFFIXES):
                    continue
                path = os.path.relpath(os.path.join(folder, name), root)
                n_files += 1
                problems += [f"{path}: {p}" for p in check_file(rooms, root, path)]
    return n_files, problems


def self_test(rooms):
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
        "tools/synth/p.cpp": '#include "platforms/file_map.h"\n',
        "core/text/q.cpp": '#include "core/graph/graph.h"\n',
        "core/sampling/r.cpp": '#include "core/text/tokenizer.h"\n',
        "core/exec/s.cpp": '#include "core/engine/engine.h"\n',
        "core/include/dunlin/t.h": '#pragma once\n#include "core/base/status.h"\n',
        "core/new_room/u.cpp": '#include "core/base/status.h"\n',
        "core/model/v.cpp": '#include "core/no_such_room/v.h"\n',
        "core/engine/w.cpp": '#include "dunlin/dunlin.h"\n',
        "tools/new_tool/x.cpp": "",
        "tools/cli/y.cpp": '#include "core/base/status.h"\n',
        "core/kv/k.cpp": "// \u00e9\n",
    }
    good = {
        "backends/cuda/ok.h": '#pragma once\n#include <cuda.h>\n#include "backends/cuda/device/x.h"\n',
        "core/graph/ok.cpp": '#include "core/tensor/shape.h"\n#include <vector>\n',
        "core/text/ok.cpp": '#include "core/model/gguf.h"\n#include <nlohmann/json.hpp>\n',
        "core/api/ok.cpp": '#include "core/engine/engine.h"\n#include "backends/builtin.h"\n#include "dunlin/dunlin.h"\n',
        "backends/ok.cpp": '#include "backends/cpu/device.h"\n#include "core/device/registry.h"\n',
        "tools/cli/ok.cpp": '#include "dunlin/dunlin.hpp"\n#include "exit_code.h"\n#include "tools/ops/op_bench.h"\n',
        "tools/cli/commands/ok.cpp": '#include "../exit_code.h"\n#include "commands.h"\n',
        "tools/synth/ok.cpp": '#include "core/model/gguf.h"\n',
    }
    with tempfile.TemporaryDirectory() as root:
        for path, text in {**bad, **good}.items():
            os.makedirs(os.path.join(root, os.path.dirname(path)), exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                file.write(text)
        _, problems = check_tree(rooms, root)
    named = {p.split(":")[0] for p in problems}
    assert named == set(bad), f"self-test: {sorted(named ^ set(bad))}"


if __name__ == "__main__":
    with open(RULES, encoding="utf-8") as doc:
        rules = Rooms(doc.read())
    self_test(rules)
    count, found = check_tree(rules, os.getcwd())
    print("\n".join(found))
    print(f"layering: {count} files, {len(found)} problems")
    sys.exit(1 if found or count == 0 else 0)
