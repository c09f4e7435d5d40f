#include "core/text/template/parser.h"

#include <algorithm>
#include <initializer_list>

#include "core/text/template/expression_parser.h"
#include "core/text/template/token_stream.h"

namespace dunlin::jinja {
namespace {

class StatementParser {
 public:
  explicit StatementParser(std::vector<Token> tokens) : stream_(std::move(tokens)), expressions_(stream_) {}

  Result<std::shared_ptr<const Template>> run() {
    auto parsed = std::make_shared<Template>();
    DUNLIN_RETURN_IF_ERROR(parse_block(parsed->body, {}));
    return std::shared_ptr<const Template>(std::move(parsed));
  }

 private:
  using EndTags = std::initializer_list<std::string_view>;

  // Statements up to one of the end tags, whose name is left as the current token (behind its '{%'), or up to
  // the end of the template if there are none.
  Status parse_block(Block& block, EndTags end_tags) {
    const TokenStream::Nesting nesting(stream_);
    DUNLIN_RETURN_IF_ERROR(nesting.status());
    for (;;) {
      const Position position = stream_.position();
      switch (stream_.current().kind) {
        case TokenKind::kEnd:
          if (end_tags.size() == 0) return Status::ok();
          return stream_.unexpected(str_cat("'{% ", *(end_tags.end() - 1), " %}'"));
        case TokenKind::kText: {
          Value text = Value::string(stream_.take().text, Origin::kTemplate);
          block.push_back({position, TextStatement{std::move(text)}});
          break;
        }
        case TokenKind::kVariableBegin:
          DUNLIN_RETURN_IF_ERROR(parse_print(block));
          break;
        default:
          stream_.skip();
          for (std::string_view tag : end_tags) {
            if (stream_.is_name(tag)) return Status::ok();
          }
          DUNLIN_RETURN_IF_ERROR(parse_statement(block));
      }
    }
  }

  // A body, and the end tag with it.
  Status parse_body(Block& body, std::string_view end_tag) {
    DUNLIN_RETURN_IF_ERROR(expect_block_end());
    DUNLIN_RETURN_IF_ERROR(parse_block(body, {end_tag}));
    stream_.skip();
    return expect_block_end();
  }

  Status expect_block_end() {
    if (!stream_.is(TokenKind::kBlockEnd)) return stream_.unexpected("'%}'");
    stream_.skip();
    return Status::ok();
  }

  Status parse_print(Block& block) {
    const Position position = stream_.position();
    stream_.skip();
    DUNLIN_ASSIGN_OR_RETURN(ExpressionPtr value, expressions_.parse_tuple());
    if (!stream_.is(TokenKind::kVariableEnd)) return stream_.unexpected("'}}'");
    stream_.skip();
    block.push_back({position, PrintStatement{std::move(value)}});
    return Status::ok();
  }

  Status parse_statement(Block& block) {
    const Position position = stream_.position();
    DUNLIN_ASSIGN_OR_RETURN(const std::string tag, stream_.expect_name("the name of a statement"));
    if (tag == "if") return parse_if(block, position);
    if (tag == "for") return parse_for(block, position);
    if (tag == "set") return parse_set(block, position);
    if (tag == "macro") return parse_macro(block, position);
    if (tag == "filter") return parse_filter_block(block, position);
    if (tag == "with") return parse_with(block, position);
    if (tag == "generation") return parse_generation(block, position);
    if (tag == "break" || tag == "continue") return parse_loop_control(block, position, tag == "break");
    return refuse(position, tag);
  }

  Status refuse(Position position, std::string_view tag) const {
    for (std::string_view known :
         {"include", "import", "from", "extends", "block", "call", "do", "autoescape"}) {
      if (tag == known) {
        return located(position, Status::unsupported("chat templates may not use '", tag, "'"));
      }
    }
    return stream_.error(position, "unknown statement '", tag.substr(0, 40), "'");
  }

  Status parse_if(Block& block, Position position) {
    IfStatement statement;
    for (;;) {
      auto& branch = statement.branches.emplace_back();
      DUNLIN_ASSIGN_OR_RETURN(branch.condition, expressions_.parse_tuple());
      DUNLIN_RETURN_IF_ERROR(expect_block_end());
      DUNLIN_RETURN_IF_ERROR(parse_block(branch.body, {"elif", "else", "endif"}));
      if (!stream_.skip_name("elif")) break;
    }
    if (stream_.skip_name("else")) {
      DUNLIN_RETURN_IF_ERROR(expect_block_end());
      DUNLIN_RETURN_IF_ERROR(parse_block(statement.otherwise, {"endif"}));
    }
    stream_.skip();
    block.push_back({position, std::move(statement)});
    return expect_block_end();
  }

  static bool names_loop(const Target& target) {
    return target.name == "loop" || std::any_of(target.parts.begin(), target.parts.end(), names_loop);
  }

  Status parse_for(Block& block, Position position) {
    ForStatement statement;
    DUNLIN_ASSIGN_OR_RETURN(statement.target, expressions_.parse_target(false));
    if (names_loop(statement.target)) return stream_.error(position, "a loop cannot assign to 'loop'");
    if (!stream_.skip_name("in")) return stream_.unexpected("'in'");
    DUNLIN_ASSIGN_OR_RETURN(statement.items, expressions_.parse_unconditional_tuple());
    if (stream_.skip_name("if")) {
      DUNLIN_ASSIGN_OR_RETURN(statement.condition, expressions_.parse());
    }
    if (stream_.is_name("recursive")) {
      return located(stream_.position(),
                     Status::unsupported("recursive loops are not supported; use a macro"));
    }
    DUNLIN_RETURN_IF_ERROR(expect_block_end());
    ++loop_depth_;
    DUNLIN_RETURN_IF_ERROR(parse_block(statement.body, {"else", "endfor"}));
    --loop_depth_;
    if (stream_.skip_name("else")) {
      DUNLIN_RETURN_IF_ERROR(expect_block_end());
      DUNLIN_RETURN_IF_ERROR(parse_block(statement.otherwise, {"endfor"}));
    }
    stream_.skip();
    block.push_back({position, std::move(statement)});
    return expect_block_end();
  }

  Status parse_set(Block& block, Position position) {
    DUNLIN_ASSIGN_OR_RETURN(Target target, expressions_.parse_target(true));
    if (stream_.skip_operator("=")) {
      DUNLIN_ASSIGN_OR_RETURN(ExpressionPtr value, expressions_.parse_tuple());
      block.push_back({position, SetStatement{std::move(target), std::move(value)}});
      return expect_block_end();
    }
    if (!target.parts.empty()) return stream_.unexpected("'='");
    SetBlockStatement statement{std::move(target), {}, {}};
    if (stream_.skip_operator("|")) {
      DUNLIN_ASSIGN_OR_RETURN(statement.filters, expressions_.parse_filters());
    }
    DUNLIN_RETURN_IF_ERROR(parse_body(statement.body, "endset"));
    block.push_back({position, std::move(statement)});
    return Status::ok();
  }

  Status parse_macro(Block& block, Position position) {
    MacroStatement statement;
    DUNLIN_ASSIGN_OR_RETURN(statement.name, stream_.expect_name("the name of a macro"));
    DUNLIN_RETURN_IF_ERROR(stream_.expect_operator("("));
    while (!stream_.is_operator(")")) {
      auto& parameter = statement.parameters.emplace_back();
      DUNLIN_ASSIGN_OR_RETURN(parameter.name, stream_.expect_name("the name of a parameter"));
      if (stream_.skip_operator("=")) {
        DUNLIN_ASSIGN_OR_RETURN(parameter.default_value, expressions_.parse());
      }
      if (!stream_.skip_operator(",")) break;
    }
    DUNLIN_RETURN_IF_ERROR(stream_.expect_operator(")"));
    const int outer_loops = std::exchange(loop_depth_, 0);
    DUNLIN_RETURN_IF_ERROR(parse_body(statement.body, "endmacro"));
    loop_depth_ = outer_loops;
    block.push_back({position, std::move(statement)});
    return Status::ok();
  }

  Status parse_filter_block(Block& block, Position position) {
    FilterStatement statement;
    DUNLIN_ASSIGN_OR_RETURN(statement.filters, expressions_.parse_filters());
    DUNLIN_RETURN_IF_ERROR(parse_body(statement.body, "endfilter"));
    block.push_back({position, std::move(statement)});
    return Status::ok();
  }

  Status parse_with(Block& block, Position position) {
    ScopeStatement statement;
    while (!stream_.is(TokenKind::kBlockEnd)) {
      DUNLIN_ASSIGN_OR_RETURN(Target target, expressions_.parse_target(false));
      DUNLIN_RETURN_IF_ERROR(stream_.expect_operator("="));
      DUNLIN_ASSIGN_OR_RETURN(ExpressionPtr value, expressions_.parse());
      statement.assignments.emplace_back(std::move(target), std::move(value));
      if (!stream_.skip_operator(",")) break;
    }
    DUNLIN_RETURN_IF_ERROR(parse_body(statement.body, "endwith"));
    block.push_back({position, std::move(statement)});
    return Status::ok();
  }

  Status parse_generation(Block& block, Position position) {
    ScopeStatement statement;
    DUNLIN_RETURN_IF_ERROR(parse_body(statement.body, "endgeneration"));
    block.push_back({position, std::move(statement)});
    return Status::ok();
  }

  Status parse_loop_control(Block& block, Position position, bool is_break) {
    if (loop_depth_ == 0) {
      return stream_.error(position, is_break ? "'break'" : "'continue'", " outside of a loop");
    }
    if (is_break) {
      block.push_back({position, BreakStatement{}});
    } else {
      block.push_back({position, ContinueStatement{}});
    }
    return expect_block_end();
  }

  TokenStream stream_;
  ExpressionParser expressions_;
  int loop_depth_ = 0;
};

}  // namespace

Result<std::shared_ptr<const Template>> parse_template(std::string_view source) {
  DUNLIN_ASSIGN_OR_RETURN(std::vector<Token> tokens, tokenize(source));
  return StatementParser(std::move(tokens)).run();
}

}  // namespace dunlin::jinja
