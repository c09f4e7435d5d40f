// The outer loops of every matrix kernel: blocks of rows, tiles of tokens, tiles of rows. Weights are
// outermost, so that they leave memory once a call; a block of rows stays in the L2 cache while the tokens
// stream by. What no full tile covers takes single vectors of rows and its own number of tokens.

template <class V, template <class, class, int, int> class Tile, template <class> class Format, LinearOp kOp,
          int R, int T>
class LinearDriver {
 public:
  static void run(const LinearArgs& args) {
    const LinearDriver driver(args);
    const int64_t begin = args.panel_begin * kVectorsPerPanel;
    const int64_t end = args.panel_end * kVectorsPerPanel;
    for (int64_t v = begin; v < end; v += kBlockVectors)
      driver.row_block(v, v + kBlockVectors < end ? v + kBlockVectors : end);
  }

 private:
  static constexpr int64_t kVectorsPerPanel = kPanelRows / V::kCount;
  static constexpr int64_t kBlockVectors = 64 / V::kCount;
  using FullTile = Tile<V, Format<V>, R, T>;

  explicit LinearDriver(const LinearArgs& args)
      : args_(args),
        panel_bytes_(panel_bytes(args.weight.layout, args.weight.type, args.weight.k)),
        token_bytes_(activation_row_bytes(activation_layout(args.weight.type), args.weight.k)) {}

  void row_block(int64_t begin, int64_t end) const {
    if constexpr (FullTile::kUnpacksFirst) {
      unpacked_tiles(begin, end);
    } else {
      full_tiles(begin, end);
    }
  }

  void full_tiles(int64_t begin, int64_t end) const {
    int64_t token = args_.token_begin;
    for (; token + T <= args_.token_end; token += T) {
      int64_t v = begin;
      for (; v + R <= end; v += R) tile<R, T>(v, token);
      if constexpr (R > 1)
        for (; v < end; ++v) tile<1, T>(v, token);
    }
    if constexpr (T > 1)
      for (int64_t v = begin; v < end && token < args_.token_end; ++v) last_tokens<T - 1>(v, token);
  }

  // The tokens from `token` on, at most kMost.
  template <int kMost>
  void last_tokens(int64_t v, int64_t token) const {
    if (args_.token_end - token == kMost) {
      tile<1, kMost>(v, token);
    } else if constexpr (kMost > 1) {
      last_tokens<kMost - 1>(v, token);
    }
  }

  // Tiles of a panel that take their number of tokens as they run.
  void unpacked_tiles(int64_t begin, int64_t end) const {
    for (int64_t token = args_.token_begin; token < args_.token_end; token += T) {
      const int64_t left = args_.token_end - token;
      for (int64_t v = begin; v < end; v += kVectorsPerPanel)
        unpacked_tile(v, token, left < T ? int(left) : T);
    }
  }
  void unpacked_tile(int64_t v, int64_t token, int n_tokens) const {
    const uint8_t* tokens[T];
    for (int t = 0; t < n_tokens; ++t) tokens[t] = args_.activations + (token + t) * token_bytes_;
    typename V::Floats y[T][kVectorsPerPanel];
    FullTile::Unpacked::run(row_vector(args_.weight, v).panel, tokens, n_tokens, args_.weight.k, y);
    if constexpr (kOp == LinearOp::kLinear) {
      for (int t = 0; t < n_tokens; ++t)
        for (int r = 0; r < kVectorsPerPanel; ++r)
          finish_linear<V>(args_.epilogue, row_store(v + r), token + t, y[t][r]);
    } else {
      typename V::Floats up[T][kVectorsPerPanel];
      FullTile::Unpacked::run(row_vector(args_.up, v).panel, tokens, n_tokens, args_.up.k, up);
      for (int t = 0; t < n_tokens; ++t)
        for (int r = 0; r < kVectorsPerPanel; ++r)
          finish_glu<V>(args_.epilogue, row_store(v + r), token + t, y[t][r], up[t][r]);
    }
  }

  template <int kR, int kT>
  void tile(int64_t v, int64_t token) const {
    using TileRT = Tile<V, Format<V>, kR, kT>;
    const uint8_t* tokens[kT];
    for (int t = 0; t < kT; ++t) tokens[t] = args_.activations + (token + t) * token_bytes_;
    RowVector rows[kR];
    typename V::Floats y[kR][kT];
    for (int r = 0; r < kR; ++r) rows[r] = row_vector(args_.weight, v + r);
    TileRT::run(rows, tokens, args_.weight.k, y);
    if constexpr (kOp == LinearOp::kLinear) {
      for (int t = 0; t < kT; ++t)
        for (int r = 0; r < kR; ++r) finish_linear<V>(args_.epilogue, row_store(v + r), token + t, y[r][t]);
    } else {
      typename V::Floats up[kR][kT];
      for (int r = 0; r < kR; ++r) rows[r] = row_vector(args_.up, v + r);
      TileRT::run(rows, tokens, args_.up.k, up);
      for (int t = 0; t < kT; ++t)
        for (int r = 0; r < kR; ++r)
          finish_glu<V>(args_.epilogue, row_store(v + r), token + t, y[r][t], up[r][t]);
    }
  }

  RowVector row_vector(const PackedMatrix& weight, int64_t v) const {
    const uint8_t* panel = weight.data + v / kVectorsPerPanel * panel_bytes_;
    return {panel, int(v % kVectorsPerPanel) * V::kCount};
  }
  RowStore<V> row_store(int64_t v) const { return {v * V::kCount, args_.weight.n}; }

  const LinearArgs& args_;
  const int64_t panel_bytes_;
  const int64_t token_bytes_;
};
