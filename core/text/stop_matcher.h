// StopMatcher: finds stop strings in a stream of text pieces, across their borders. What may still become a
// stop string is held back; everything before it is released at once. The stop string that is complete first
// wins, the longest of those that end together; neither it nor what follows is released.
//
// Linear in the text for a given list of stops. A plain value; one stream, one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace dunlin {

class StopMatcher {
 public:
  // Empty stop strings are ignored.
  explicit StopMatcher(std::vector<std::string> stops = {});

  // The text that this piece releases; nothing after a match.
  std::string push(std::string_view piece);

  // The end of the stream: what was held back, if no stop string matched.
  std::string flush();

  bool matched() const { return matched_ != kNone; }

 private:
  static constexpr size_t kNone = SIZE_MAX;

  struct Stop {
    std::string text;
    // border[i]: the length of the longest proper prefix of text[0, i] that also ends there
    // (Knuth-Morris-Pratt).
    std::vector<uint32_t> border;
    uint32_t matched = 0;  // bytes of text that the stream's end agrees with
  };

  std::vector<Stop> stops_;
  std::string held_;
  size_t matched_ = kNone;
};

}  // namespace dunlin
