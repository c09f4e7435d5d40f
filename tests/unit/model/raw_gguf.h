// A GGUF file as a list of named fields, so that a test can make exactly one of them wrong.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "core/base/check.h"

namespace dunlin::test {

using RawBytes = std::vector<uint8_t>;

template <typename T>
RawBytes raw(T value) {
  static_assert(std::is_arithmetic_v<T>);
  RawBytes out(sizeof value);
  std::memcpy(out.data(), &value, sizeof value);
  return out;
}
inline RawBytes raw_text(std::string_view text) {
  return RawBytes(text.begin(), text.end());
}

struct RawField {
  std::string name;
  RawBytes bytes;
};

struct RawGguf {
  std::vector<RawField> fields;
  RawBytes data;
  size_t alignment = 32;

  template <typename T>
  void add(std::string name, T value) {
    fields.push_back({std::move(name), raw(value)});
  }
  // Fields "<name>.length" and "<name>.text".
  void add_text(const std::string& name, std::string_view text) {
    add(name + ".length", uint64_t(text.size()));
    fields.push_back({name + ".text", raw_text(text)});
  }

  void set(std::string_view name, RawBytes bytes) {
    for (RawField& field : fields) {
      if (field.name != name) continue;
      field.bytes = std::move(bytes);
      return;
    }
    check_failed(__FILE__, __LINE__, "known field", std::string(name).c_str());
  }

  RawBytes bytes() const {
    RawBytes out;
    for (const RawField& field : fields) out.insert(out.end(), field.bytes.begin(), field.bytes.end());
    out.resize((out.size() + alignment - 1) / alignment * alignment);
    out.insert(out.end(), data.begin(), data.end());
    return out;
  }
};

// A llama of one layer; every key that the loader reads is there. A pair's fields are "<key>.key.length",
// "<key>.key.text", "<key>.type", and "<key>.value..."; a tensor's are "<name>.name.length",
// "<name>.name.text",
// "<name>.rank", "<name>.dim0", "<name>.dim1", "<name>.type", "<name>.offset".
RawGguf raw_llama();
std::vector<std::string> raw_llama_keys();
std::vector<std::string> raw_llama_tensors();

}  // namespace dunlin::test
