#include "core/text/stop_matcher.h"

#include <catch2/catch.hpp>

namespace dunlin {
namespace {

// All that the matcher releases of a text in pieces of this size.
std::string run(StopMatcher& matcher, std::string_view text, size_t piece_bytes) {
  std::string out;
  for (size_t at = 0; at < text.size(); at += piece_bytes) out += matcher.push(text.substr(at, piece_bytes));
  return out + matcher.flush();
}

}  // namespace

TEST_CASE("a stop string is found wherever the pieces end") {
  const size_t piece_bytes = GENERATE(1, 2, 3, 5, 100);
  StopMatcher matcher({"</answer>", "\n\nUser:"});
  CHECK(run(matcher, "It is 4 < 5.</answer> more", piece_bytes) == "It is 4 < 5.");
  CHECK(matcher.matched());
}

TEST_CASE("what begins a stop string is held back, no more") {
  StopMatcher matcher({"STOP", "OPS"});
  CHECK(matcher.push("aST") == "a");
  CHECK(matcher.push("x") == "STx");
  CHECK(matcher.push("O") == "");
  CHECK(matcher.push("ST") == "O");
  CHECK(matcher.push("O") == "");
  CHECK_FALSE(matcher.matched());
  CHECK(matcher.flush() == "STO");
}

TEST_CASE("a failed beginning may hold another one") {
  StopMatcher matcher({"aab"});
  CHECK(matcher.push("a") == "");
  CHECK(matcher.push("a") == "");
  CHECK(matcher.push("a") == "a");
  CHECK(matcher.push("b") == "");
  CHECK(matcher.matched());
}

TEST_CASE("the stop string that is complete first wins, the longest of those that end together") {
  StopMatcher first({"abcd", "bc"});
  CHECK(first.push("xabcd") == "xa");
  CHECK(first.push("bc").empty());
  StopMatcher longest({"c", "abc", "bc"});
  CHECK(longest.push("xabc") == "x");
}

TEST_CASE("after a match nothing is released") {
  StopMatcher matcher({"!"});
  CHECK(matcher.push("a!b") == "a");
  CHECK(matcher.push("c").empty());
  CHECK(matcher.flush().empty());
}

TEST_CASE("without stop strings all text passes at once") {
  StopMatcher none;
  CHECK(none.push("abc") == "abc");
  StopMatcher empty({"", ""});
  CHECK(empty.push("abc") == "abc");
  CHECK_FALSE(empty.matched());
}

}  // namespace dunlin
