// Qwen 3: Llama's block with an RMS norm of every q and k head before the rotation, no bias, head_dim given
// explicitly. Source: Qwen3 technical report, 2025.
#include "core/model/arch/arch.h"

namespace dunlin {

const Architecture kQwen3{"qwen3", pre_norm_decoder};

}  // namespace dunlin
