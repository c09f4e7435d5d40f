// One op in a small graph, run on a device and on the reference, over the same random weights and steps.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/device/registry.h"
#include "core/graph/builder.h"
#include "tools/ops/op_builders.h"

namespace dunlin::testing {

// One sequence's part of a step of a case.
struct CaseChunk {
  int32_t sequence = 0;
  int32_t n_tokens = 0;
};

struct OpCase {
  std::string name;
  double nmse = 0;  // allowed: sum of squared differences / sum of squares, docs/numerics.md
  std::vector<std::vector<CaseChunk>> steps = {{{0, 5}}};
  KvSpec kv = {KvType::kF16, 1, 1, 16};
  std::function<ValueId(GraphBuilder&)> build;  // returns the output, a row per token
  int32_t context = 300;                        // positions of a sequence
  int32_t n_sequences = 3;
  int32_t first_position = 0;   // of every sequence; cases without a cache
  bool may_be_refused = false;  // a device may say that it has no kernel for it
};

// The cases of every op, with odd and prime shapes and every weight type.
std::vector<OpCase> all_cases();
// Attention so long that a device may cut a sequence into many parts and put their results together, alone
// and beside so many others that it may do this otherwise.
std::vector<OpCase> long_cases();
// For plans of kPromptRows: matrices of so many columns that a device may cut them in different ways.
std::vector<OpCase> prompt_cases();
inline constexpr int32_t kPromptRows = 2048;

// The output rows of all steps, one after the other, from a plan for steps of so many rows. Fails the test on
// an error.
inline constexpr int32_t kCaseRows = 160;
// Whether the device runs it; says so on stderr if not. Fails the test if it must.
bool runs_case(const OpCase& op_case, const Device& device);
std::vector<float> run_case(const OpCase& op_case, Device& device, int32_t n_rows = kCaseRows);

}  // namespace dunlin::testing
