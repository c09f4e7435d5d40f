// How a token is chosen from a row of logits, by one team of threads (a CTA). The meaning is that of
// core/sampling: the same masses (core/device/choice_math.h), the same filters, the draw in order of ids;
// only nothing is sorted. Every filter keeps the first candidates in the order "larger logit, then lower id",
// so what it keeps is said by the last of them, the Cut, and a cut is found as in a radix sort: sums by digit
// of a key, from the top digit down, following the digit in which the wanted sum is reached. All sums are
// whole numbers, so the order of additions does not matter. A few candidates, and with usual
// filters there are few, are compared each with each instead.
//
// Written for a Team, so that the tests run it on the host (tests/support/emulated_choice.cpp):
//   team.each(n, f)                f(i) for i in [0, n), then all threads meet
//   team.add_up(source, sums, f)   sums[at] += mass for {at, mass} = f(logit, id) of every element; they meet
//   team.sum(source, f)            the sum of f(logit, id) over every element, for all threads; they meet
#pragma once

#include <bit>

#include "backends/cuda/device/choose_params.h"
#include "backends/cuda/formats/host_device.h"
#include "core/device/choice_math.h"

namespace dunlin::cuda {

// Elements of a row: its logits from an id on, or a list.
struct LogitSource {
  const float* logits;
  const int32_t* ids;  // null: first_id, first_id + 1, ...
  int32_t n;
  int32_t first_id;
};

inline constexpr int kDigitBits = 11;
inline constexpr int kDigits = 1 << kDigitBits;
inline constexpr int kSegment = 32;  // digits that one thread adds up
inline constexpr int kSegments = kDigits / kSegment;
inline constexpr int kKeyBits = 32;
inline constexpr int kFew = 256;
inline constexpr int32_t kLastId = 0x7FFFFFFF;
inline constexpr float kLargestFloat = 3.402823466e+38f;

// What the threads of a team share.
struct ChooseState {
  uint64_t sums[kDigits + kSegments];  // by digit, the largest first, at sum_at()
  uint64_t segments[kSegments];
  uint64_t before;  // the segment in which the wanted sum is reached
  uint64_t rest;
  uint64_t group;
  int32_t segment;  // or -1
  int32_t digit;
  bool is_reached;
  uint32_t key;
  uint32_t keys[kFew];
};

// Where the sum of the digit at a position stands. The gaps keep threads that add up segments out of each
// other's banks.
DUNLIN_HD int sum_at(int position) {
  return position + position / kSegment;
}

struct PlacedMass {
  int32_t at;
  uint64_t mass;
};

// Keys: the larger, the better; n_ids: of the vocabulary.

// In steps of 2^-27 below the largest logit: small enough to tell most logits apart, and digits of it spread
// where digits of a float would not.
DUNLIN_HD uint32_t distance_key(float logit, float largest) {
  constexpr float kReach = 32.0f, kStepsPerUnit = 134217728.0f;
  const float distance = largest - logit;
  return distance < kReach ? 0xFFFFFFFFu - uint32_t(distance * kStepsPerUnit) : 0u;
}

// In the order of floats; both zeros have one key.
DUNLIN_HD uint32_t logit_key(float logit) {
  constexpr uint32_t kSign = 0x80000000u;
  if (logit == 0.0f) return kSign;
  const auto bits = std::bit_cast<uint32_t>(logit);
  return (bits & kSign) != 0 ? ~bits : bits | kSign;
}

DUNLIN_HD uint32_t id_key(int32_t id, int32_t n_ids) {
  return uint32_t(n_ids - 1 - id);
}

// The last candidate that is kept.
struct Cut {
  uint32_t distance = 0;
  uint32_t logit = 0;
  int32_t id = kLastId;

  DUNLIN_HD bool keeps(float value, int32_t value_id, float largest) const {
    const uint32_t d = distance_key(value, largest);
    if (d != distance) return d > distance;
    const uint32_t l = logit_key(value);
    return l != logit ? l > logit : value_id <= id;
  }
};

// What a search goes by, which candidates it is about, and what each of them counts.
enum class SearchKey : uint8_t { kDistance, kLogit, kId };
enum class Among : uint8_t { kAll, kSameDistance, kSameLogit, kKept };

struct Question {
  float largest;
  int32_t n_ids;
  float temperature = 1.0f;
  bool counts = false;  // every candidate is 1; else it is its mass at the temperature
  SearchKey key = SearchKey::kDistance;
  Among among = Among::kAll;
  Cut cut{};                   // equal to it, or kept by it
  float bar = -kLargestFloat;  // kKept: those below are out, too

  DUNLIN_HD bool is_about(float logit, int32_t id) const {
    switch (among) {
      case Among::kAll:
        return true;
      case Among::kSameDistance:
        return distance_key(logit, largest) == cut.distance;
      case Among::kSameLogit:
        return distance_key(logit, largest) == cut.distance && logit_key(logit) == cut.logit;
      default:
        return logit >= bar && cut.keeps(logit, id, largest);
    }
  }
  DUNLIN_HD uint64_t mass_of(float logit, int32_t id) const {
    if (!is_about(logit, id)) return 0;
    return counts ? 1 : choice_mass(logit, largest, temperature);
  }
  DUNLIN_HD uint32_t key_of(float logit, int32_t id) const {
    if (key == SearchKey::kDistance) return distance_key(logit, largest);
    return key == SearchKey::kLogit ? logit_key(logit) : id_key(id, n_ids);
  }
  DUNLIN_HD int key_bits() const {
    const bool is_short = key == SearchKey::kId && n_ids <= 1 << (2 * kDigitBits);
    return is_short ? 2 * kDigitBits : kKeyBits;
  }
};

// Candidates with keys above `key` hold less than was wanted, with those of `key` at least as much. Of these,
// which hold `group`, `rest` is still wanted. Where the group is taken whole, `key` may be a lower bound
// only.
struct Answer {
  bool is_reached;
  uint32_t key;
  uint64_t rest;
  uint64_t group;
  DUNLIN_HD bool takes_group() const { return rest == group; }
};

// In which digit the sums reach what is wanted: sets digit, rest and group. False if in none.
template <typename Team>
DUNLIN_HD bool find_digit(Team& team, ChooseState& s, uint64_t wanted) {
  team.each(kSegments, [&](int t) {
    uint64_t sum = 0;
    for (int i = 0; i < kSegment; ++i) sum += s.sums[sum_at(t * kSegment + i)];
    s.segments[t] = sum;
  });
  team.each(kSegments, [&](int t) {
    uint64_t before = 0;
    for (int i = 0; i < t; ++i) before += s.segments[i];
    if (before >= wanted || wanted > before + s.segments[t]) return;
    s.segment = t;
    s.before = before;
  });
  // Read once: the next search writes it when some threads may not have come further than here.
  const int32_t segment = s.segment;
  if (segment < 0) return false;
  team.each(kSegment, [&](int t) {
    const int first = segment * kSegment;
    uint64_t before = s.before;
    for (int i = 0; i < t; ++i) before += s.sums[sum_at(first + i)];
    const uint64_t own = s.sums[sum_at(first + t)];
    if (before >= wanted || wanted > before + own) return;
    s.digit = kDigits - 1 - (first + t);
    s.rest = wanted - before;
    s.group = own;
  });
  return true;
}

// As search(), for a list of 1 to kFew: a thread for each element adds up those before it.
template <typename Team>
DUNLIN_HD Answer search_few(Team& team, ChooseState& s, const LogitSource& list, const Question& question,
                            uint64_t wanted) {
  team.each(list.n, [&](int i) {
    s.keys[i] = question.key_of(list.logits[i], list.ids[i]);
    s.sums[i] = question.mass_of(list.logits[i], list.ids[i]);
    if (i == 0) s.is_reached = false;
  });
  team.each(list.n, [&](int t) {
    const uint32_t key = s.keys[t];
    uint64_t before = 0, group = 0;
    bool is_first = s.sums[t] != 0;  // of its group: one speaks for it
    for (int i = 0; i < list.n; ++i) {
      const uint64_t mass = s.sums[i];
      const uint32_t other = s.keys[i];
      if (other > key) before += mass;
      if (other != key) continue;
      group += mass;
      is_first = is_first && (i >= t || mass == 0);
    }
    if (!is_first || before >= wanted || wanted > before + group) return;
    s.is_reached = true;
    s.key = key;
    s.rest = wanted - before;
    s.group = group;
  });
  const Answer answer{s.is_reached, s.key, s.rest, s.group};
  team.each(0, [](int) {});  // all have read it before the next search begins
  return answer;
}

// Which key is reached when candidates are taken, largest key first, until they hold what is wanted.
template <typename Team>
DUNLIN_HD_CALL Answer search(Team& team, ChooseState& s, LogitSource source, Question question,
                             uint64_t wanted) {
  if (source.ids != nullptr && source.n > 0 && source.n <= kFew)
    return search_few(team, s, source, question, wanted);
  Answer answer{true, 0, wanted, 0};
  for (int shift = question.key_bits(); shift > 0;) {
    const int above = shift;
    const int width = shift < kDigitBits ? shift : kDigitBits;
    shift -= width;
    team.each(kDigits + kSegments, [&](int i) {
      s.sums[i] = 0;
      if (i == 0) s.segment = -1;
    });
    const uint32_t prefix = answer.key, digit_mask = (1u << width) - 1;
    team.add_up(source, s.sums, [&](float logit, int32_t id) {
      const uint32_t key = question.key_of(logit, id);
      const bool matches = above >= kKeyBits || key >> above == prefix;
      const int digit = int(key >> shift & digit_mask);
      return PlacedMass{sum_at(kDigits - 1 - digit), matches ? question.mass_of(logit, id) : 0};
    });
    if (!find_digit(team, s, answer.rest)) return {false, 0, 0, 0};
    answer = {true, prefix << width | uint32_t(s.digit), s.rest, s.group};
    // An id must be known; a cut need not name a candidate.
    if (answer.takes_group() && question.key != SearchKey::kId) {
      answer.key <<= shift;
      break;
    }
  }
  return answer;
}

// The shortest run of candidates, best first, that holds what is wanted. False if all of them hold less.
template <typename Team>
DUNLIN_HD bool find_cut(Team& team, ChooseState& s, const LogitSource& source, Question question,
                        uint64_t wanted, Cut& cut) {
  const Answer near = search(team, s, source, question, wanted);
  if (!near.is_reached) return false;
  cut = {near.key, 0, kLastId};
  if (near.takes_group()) return true;
  question.key = SearchKey::kLogit, question.among = Among::kSameDistance, question.cut = cut;
  const Answer same = search(team, s, source, question, near.rest);
  cut.logit = same.key;
  if (same.takes_group()) return true;
  question.key = SearchKey::kId, question.among = Among::kSameLogit, question.cut = cut;
  cut.id = question.n_ids - 1 - int32_t(search(team, s, source, question, same.rest).key);
  return true;
}

// A row as the kernels before have left it.
struct ChoiceRow {
  const float* logits;
  int32_t n;                  // that may be chosen
  float largest;              // +inf: not all are finite
  const uint64_t* part_mass;  // [kChoiceParts], by slice, at part_temperature()
  const float* list_logits;   // all logits that reach list_bar()
  const int32_t* list_ids;
  int32_t n_listed;  // more than the capacity: the list is not whole
};

DUNLIN_HD bool has_min_p(const TokenChoice& c) {
  return c.log_min_p >= -kLargestFloat;
}
DUNLIN_HD bool has_filters(const TokenChoice& c) {
  return c.top_k > 0 || c.top_p < 1.0f || has_min_p(c);
}
DUNLIN_HD int32_t slice_length(int32_t n) {
  return (n + kChoiceParts - 1) / kChoiceParts;
}
// The nucleus is measured before the temperature; without filters only the draw is left.
DUNLIN_HD float part_temperature(const TokenChoice& c) {
  return has_filters(c) ? 1.0f : c.temperature;
}
// True if top-k keeps nothing below the top_k-th largest of the row's peaks.
DUNLIN_HD bool peaks_bound_top_k(const TokenChoice& c) {
  return c.top_k > 0 && c.top_k <= kChoicePeaks;
}

// The list holds all logits that are as large as this. peak: the top_k-th largest of the row's peaks, where
// peaks_bound_top_k().
DUNLIN_HD float list_bar(const TokenChoice& c, float largest, float peak) {
  constexpr float kNucleusReach = 8.0f;  // below the largest logit; few nuclei go further
  if (peaks_bound_top_k(c)) return peak;
  if (c.top_k > 0 || !has_filters(c)) return kLargestFloat;
  return has_min_p(c) ? largest + c.log_min_p : largest - kNucleusReach;
}

// In order of ids, the token with which the candidates' mass exceeds the drawn one.
template <typename Team>
DUNLIN_HD int32_t find_id(Team& team, ChooseState& s, const LogitSource& source, Question question,
                          uint64_t target) {
  question.key = SearchKey::kId;
  return question.n_ids - 1 - int32_t(search(team, s, source, question, target + 1).key);
}

// Temperature alone: the slice first, then the token in it.
template <typename Team>
DUNLIN_HD int32_t draw_from_all(Team& team, ChooseState& s, const TokenChoice& c, const ChoiceRow& row) {
  uint64_t sum = 0;
  for (int part = 0; part < kChoiceParts; ++part) sum += row.part_mass[part];
  uint64_t target = draw_target(sum, c.uniform);
  int part = 0;
  for (; target >= row.part_mass[part]; ++part) target -= row.part_mass[part];
  const int32_t length = slice_length(row.n), first = part * length, rest = row.n - first;
  const LogitSource slice{row.logits + first, nullptr, length < rest ? length : rest, first};
  return find_id(team, s, slice, {row.largest, row.n, c.temperature}, target);
}

// Narrows the cut to the nucleus. False if the source holds too little of it.
template <typename Team>
DUNLIN_HD bool cut_nucleus(Team& team, ChooseState& s, const TokenChoice& c, const ChoiceRow& row,
                           const LogitSource& source, Cut& cut) {
  Question question{row.largest, row.n};
  uint64_t sum = 0;
  if (c.top_k > 0) {
    question.among = Among::kKept, question.cut = cut;
    sum = team.sum(source, [&](float logit, int32_t id) { return question.mass_of(logit, id); });
  } else {
    for (int part = 0; part < kChoiceParts; ++part) sum += row.part_mass[part];
  }
  return find_cut(team, s, source, {row.largest, row.n}, nucleus_mass(sum, c.top_p), cut);
}

// The row's token, the same for all threads; -1 if a logit is NaN or +inf, or none is above -inf.
template <typename Team>
DUNLIN_HD int32_t choose_token(Team& team, ChooseState& s, const TokenChoice& c, const ChoiceRow& row) {
  if (!(row.largest <= kLargestFloat && row.largest >= -kLargestFloat)) return -1;
  if (!has_filters(c)) return draw_from_all(team, s, c, row);
  const LogitSource whole{row.logits, nullptr, row.n, 0};
  LogitSource source{row.list_logits, row.list_ids, row.n_listed, 0};
  const bool may_be_listed = peaks_bound_top_k(c) || c.top_k == 0;
  if (!may_be_listed || row.n_listed > kChoiceListCapacity) source = whole;
  Cut cut;
  if (c.top_k > 0) {
    Question question{row.largest, row.n};
    question.counts = true;
    (void)find_cut(team, s, source, question, uint64_t(c.top_k), cut);
  }
  // Where the nucleus goes further than the list, all are searched. What min-p did not list is out anyway.
  if (c.top_p < 1.0f && !cut_nucleus(team, s, c, row, source, cut) && !has_min_p(c)) {
    source = whole;
    (void)cut_nucleus(team, s, c, row, source, cut);
  }
  Question kept{row.largest, row.n, c.temperature};
  kept.among = Among::kKept, kept.cut = cut;
  if (has_min_p(c)) kept.bar = row.largest + c.log_min_p;
  const uint64_t sum = team.sum(source, [&](float logit, int32_t id) { return kept.mass_of(logit, id); });
  return find_id(team, s, source, kept, draw_target(sum, c.uniform));
}

}  // namespace dunlin::cuda
