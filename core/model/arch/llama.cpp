// Llama 2, 3, 3.1, 3.2 and Mistral: pre-norm blocks of grouped-query attention and a gated SiLU MLP.
// Rope scaling of Llama 3.1 is in rope_freqs.weight. Source: Touvron et al. 2023; Grattafiori et al. 2024;
// Jiang et al. 2023.
#include "core/model/arch/arch.h"

namespace dunlin {

const Architecture kLlama{"llama", pre_norm_decoder};

}  // namespace dunlin
