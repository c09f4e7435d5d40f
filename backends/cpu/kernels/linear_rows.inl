// The rows of one instruction set's table: for every format a GEMV, a small-batch and a GEMM kernel, each for
// plain and gated products. The including file has defined, before this one,
//   DUNLIN_ISA      its name, "avx512vnni"
//   Lanes           its vectors
//   kTileRows, kTileTokens, kSmallTokens, DUNLIN_TILE  the GEMM tile: vectors of rows, tokens; the small
//   batch; "32x6"
//   DUNLIN_A256_TOKENS, DUNLIN_A256_TILE  the same of the K-quants, if they differ

#define DUNLIN_LINEAR_ROW(op_name, op, format, tile, layout, m_max, cost, rows, tokens, suffix)       \
  LinearKernel {                                                                                      \
    LinearOp::op, format<Lanes>::kType, WeightLayout::kP16, ActivationLayout::layout, 1, m_max, cost, \
        &LinearDriver<Lanes, tile, format, LinearOp::op, rows, tokens>::run,                          \
        DUNLIN_ISA "/" op_name "_" #format "_" suffix                                                 \
  }

#if !defined(DUNLIN_A256_TOKENS)
#define DUNLIN_A256_TOKENS kTileTokens
#define DUNLIN_A256_TILE DUNLIN_TILE
#endif
#define DUNLIN_TOKENS_kA256 DUNLIN_A256_TOKENS
#define DUNLIN_TOKENS_kA32 kTileTokens
#define DUNLIN_TOKENS_kF32 kTileTokens
#define DUNLIN_TILE_kA256 DUNLIN_A256_TILE
#define DUNLIN_TILE_kA32 DUNLIN_TILE
#define DUNLIN_TILE_kF32 DUNLIN_TILE

#define DUNLIN_LINEAR_OP_ROWS(op_name, op, format, tile, layout)                                            \
  DUNLIN_LINEAR_ROW(op_name, op, format, tile, layout, 1, 1, kPanelRows / Lanes::kCount, 1, "gemv"),        \
      DUNLIN_LINEAR_ROW(op_name, op, format, tile, layout, kSmallTokens, 2, 1, kSmallTokens, "small"),      \
      DUNLIN_LINEAR_ROW(op_name, op, format, tile, layout, INT32_MAX, 3, kTileRows, DUNLIN_TOKENS_##layout, \
                        DUNLIN_TILE_##layout)

#define DUNLIN_FORMAT_ROWS(format, tile, layout)                  \
  DUNLIN_LINEAR_OP_ROWS("linear", kLinear, format, tile, layout), \
      DUNLIN_LINEAR_OP_ROWS("glu", kGlu, format, tile, layout)

constexpr LinearKernel kLinearRows[] = {
    DUNLIN_FORMAT_ROWS(Q4K, TileA256, kA256),     DUNLIN_FORMAT_ROWS(Q5K, TileA256, kA256),
    DUNLIN_FORMAT_ROWS(Q6K, TileA256, kA256),     DUNLIN_FORMAT_ROWS(Q2K, TileA256, kA256),
    DUNLIN_FORMAT_ROWS(Q3K, TileA256, kA256),     DUNLIN_FORMAT_ROWS(Q8_0, TileA32, kA32),
    DUNLIN_FORMAT_ROWS(Q5_0, TileA32, kA32),      DUNLIN_FORMAT_ROWS(Q5_1, TileA32, kA32),
    DUNLIN_FORMAT_ROWS(Q4_0, TileA32, kA32),      DUNLIN_FORMAT_ROWS(Q4_1, TileA32, kA32),
    DUNLIN_FORMAT_ROWS(DenseF32, TileF32, kF32),  DUNLIN_FORMAT_ROWS(DenseF16, TileF32, kF32),
    DUNLIN_FORMAT_ROWS(DenseBF16, TileF32, kF32),
};

constexpr QuantizeKernel kQuantizeRows[] = {
    {ActivationLayout::kA256, &quantize_a256<Lanes>, DUNLIN_ISA "/quantize_a256"},
    {ActivationLayout::kA32, &quantize_a32<Lanes>, DUNLIN_ISA "/quantize_a32"},
    {ActivationLayout::kF32, &copy_f32, DUNLIN_ISA "/copy_f32"},
};

constexpr LinearTable kLinearTable = {DUNLIN_ISA,    WeightLayout::kP16,
                                      kLinearRows,   int32_t(sizeof kLinearRows / sizeof kLinearRows[0]),
                                      kQuantizeRows, int32_t(sizeof kQuantizeRows / sizeof kQuantizeRows[0])};

#undef DUNLIN_TILE_kF32
#undef DUNLIN_TILE_kA32
#undef DUNLIN_TILE_kA256
#undef DUNLIN_TOKENS_kF32
#undef DUNLIN_TOKENS_kA32
#undef DUNLIN_TOKENS_kA256
#undef DUNLIN_FORMAT_ROWS
#undef DUNLIN_LINEAR_OP_ROWS
#undef DUNLIN_LINEAR_ROW
