#include "core/exec/step_profile.h"

#include <algorithm>
#include <random>

namespace dunlin {
namespace {

// At the end of vocabularies: control tokens, which no text has.
constexpr int64_t kSpecialTokens = 512;

class RandomTokens {
 public:
  explicit RandomTokens(int64_t n_vocab) : n_(uint64_t(std::max<int64_t>(1, n_vocab - kSpecialTokens))) {}
  std::vector<int32_t> take(int32_t n) {
    std::vector<int32_t> tokens(static_cast<size_t>(n));
    for (int32_t& token : tokens) token = int32_t(random_() % n_);
    return tokens;
  }

 private:
  std::mt19937_64 random_{1};
  uint64_t n_;
};

// Fills the cache up to the depth, so that attention works on what it would find there.
Status prefill(Executor& executor, RandomTokens& random, int32_t depth, const std::vector<int32_t>& blocks) {
  const int32_t most = executor.inputs().capacity().n_rows;
  for (int32_t done = 0; done < depth;) {
    const int32_t n = std::min(most, depth - done);
    executor.inputs().clear();
    DUNLIN_CHECK(executor.inputs().add_sequence(random.take(n), done, blocks));
    DUNLIN_RETURN_IF_ERROR(executor.run());
    done += n;
  }
  return Status::ok();
}

// As the engine asks for it with greedy sampling: the last row's token of each sequence.
void want_last_rows(StepInputs& inputs, bool device_chooses) {
  for (const StepSequence& s : inputs.sequences()) {
    const int32_t row = s.first_row + s.n_rows - 1;
    DUNLIN_CHECK(device_chooses ? inputs.want_token(row) : inputs.want_logits(row));
  }
}

std::vector<int32_t> largest_logits(Executor& executor) {
  const auto n_rows = size_t(executor.inputs().n_logit_rows()), n_vocab = size_t(executor.n_vocab());
  std::vector<int32_t> tokens(n_rows);
  for (size_t r = 0; r < n_rows; ++r) {
    const auto row = executor.logits().subspan(r * n_vocab, n_vocab);
    tokens[r] = int32_t(std::ranges::max_element(row) - row.begin());
  }
  return tokens;
}

std::vector<int32_t> chosen_tokens(Executor& executor) {
  if (!executor.device_info().chooses_tokens) return largest_logits(executor);
  const auto tokens = executor.tokens().first(size_t(executor.inputs().n_logit_rows()));
  return {tokens.begin(), tokens.end()};
}

Device::Counters difference(const Device::Counters& a, const Device::Counters& b) {
  return {a.n_allocations - b.n_allocations, a.n_frees - b.n_frees, a.n_graphs - b.n_graphs,
          a.n_waits - b.n_waits};
}

}  // namespace

Result<StepProfile> profile_step(Executor& executor, const ProfileOptions& options,
                                 std::span<const std::vector<int32_t>> blocks) {
  RandomTokens random(executor.n_vocab());
  for (const auto& of_sequence : blocks)
    DUNLIN_RETURN_IF_ERROR(prefill(executor, random, options.depth, of_sequence));
  StepInputs& inputs = executor.inputs();
  inputs.clear();
  for (const auto& of_sequence : blocks)
    DUNLIN_CHECK(inputs.add_sequence(random.take(options.n_rows), options.depth, of_sequence));
  want_last_rows(inputs, executor.device_info().chooses_tokens);
  StepProfile profile;
  const Device& device = executor.parts().front()->device();
  const Device::Counters before = device.counters();
  DUNLIN_RETURN_IF_ERROR(executor.run());
  profile.counters = difference(device.counters(), before);
  const std::vector<int32_t> expected = chosen_tokens(executor);
  DUNLIN_ASSIGN_OR_RETURN(profile.times, executor.measure(options.n_repeats));
  profile.same_tokens = chosen_tokens(executor) == expected;
  return profile;
}

}  // namespace dunlin
