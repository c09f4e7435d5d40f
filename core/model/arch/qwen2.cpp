// Qwen 2 and 2.5: Llama's block with a bias on q, k and v; small sizes tie the head to the embedding.
// Source: Qwen2 technical report, 2024.
#include "core/model/arch/arch.h"

namespace dunlin {

const Architecture kQwen2{"qwen2", pre_norm_decoder};

}  // namespace dunlin
