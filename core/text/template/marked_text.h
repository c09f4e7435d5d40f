// MarkedText: a UTF-8 string that remembers for each byte whether it was written by the template or came from
// a message. Special tokens may only be formed of template text, so that no message can forge a turn; every
// operation on strings therefore carries the marks along. A plain value, not synchronized.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace dunlin::jinja {

enum class Origin : uint8_t { kTemplate, kMessage };

class MarkedText {
 public:
  // Bytes up to end (exclusive) that the run before does not cover. Neighbours differ in origin.
  struct Run {
    size_t end;
    Origin origin;
  };

  MarkedText() = default;
  MarkedText(std::string text, Origin origin);

  std::string_view view() const { return text_; }
  size_t size() const { return text_.size(); }
  bool empty() const { return text_.empty(); }
  const std::vector<Run>& runs() const { return runs_; }

  Origin origin_at(size_t offset) const;  // offset < size()
  bool has_message_text() const;

  void append(std::string_view text, Origin origin);
  void append(const MarkedText& other) { append(other, 0, other.size()); }
  void append(const MarkedText& other, size_t offset, size_t length);

  // The bytes [offset, offset + length), which must lie inside.
  MarkedText slice(size_t offset, size_t length) const;

  // Leaves this empty.
  std::string take();

 private:
  void extend_runs(size_t end, Origin origin);
  std::vector<Run>::const_iterator run_of(size_t offset) const;

  std::string text_;
  std::vector<Run> runs_;
};

}  // namespace dunlin::jinja
