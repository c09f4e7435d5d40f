// Filters: each keeps a part of the candidates. They move the survivors to the front of the span and return
// how many there are, at least 1 if there was one. Input in any order; logits are finite. Pure, no
// allocation.
#pragma once

#include <cstddef>
#include <span>

#include "core/sampling/candidates.h"

namespace dunlin {

// Locally typical sampling: the candidates whose surprise -ln p is nearest to the entropy, until they hold
// typical_p of the mass (the one that crosses it included). Leaves them in that order.
// Source: Meister et al., "Locally Typical Sampling", 2022.
size_t keep_typical(std::span<Candidate> candidates, float typical_p);

// Nucleus: the most probable candidates until they hold top_p of the mass (the one that crosses it included).
// Leaves them best first. Source: Holtzman et al., "The Curious Case of Neural Text Degeneration", 2020.
size_t keep_top_p(std::span<Candidate> candidates, float top_p);

// The candidates with at least min_p times the probability of the best one. Keeps their order.
size_t keep_min_p(std::span<Candidate> candidates, float min_p);

// The index drawn with probability proportional to exp(logit / temperature), for uniform in [0, 1) and
// temperature > 0. The candidates stand in order of their ids for this, because a device that draws from
// all tokens at once knows no other; the span is left in any order.
size_t draw(std::span<Candidate> candidates, float temperature, double uniform);

}  // namespace dunlin
