/* A C99 program that uses the installed library: opens a model and generates a few tokens. */
#include <dunlin/dunlin.h>
#include <stdio.h>

static int32_t count_token(void* user_data, const dunlin_token* token) {
  if (token->id >= 0) ++*(int*)user_data;
  return 1;
}

int main(int argc, char** argv) {
  dunlin_model* model = NULL;
  dunlin_engine* engine = NULL;
  dunlin_session* session = NULL;
  int n_tokens = 0;
  int failed = argc != 2;
  dunlin_callbacks callbacks = {0};
  dunlin_generation_options options;
  dunlin_result result = {0};
  callbacks.struct_size = sizeof callbacks;
  result.struct_size = sizeof result;
  callbacks.user_data = &n_tokens;
  callbacks.on_token = count_token;
  dunlin_generation_options_init(&options);
  options.max_tokens = 5;
  options.ignore_eos = 1;
  failed = failed || dunlin_model_open("does-not-exist.gguf", NULL, &model) != DUNLIN_NOT_FOUND;
  failed = failed || dunlin_model_open(argv[1], NULL, &model) != DUNLIN_OK;
  failed = failed || dunlin_engine_create(model, NULL, &engine) != DUNLIN_OK;
  failed = failed || dunlin_session_create(engine, &session) != DUNLIN_OK;
  failed = failed || dunlin_session_generate(session, "The king", 8, 0, &options, &callbacks, &result) != DUNLIN_OK;
  if (failed) fprintf(stderr, "failed: %s\n", dunlin_last_error());
  failed = failed || n_tokens != 5 || result.n_generated != 5;
  dunlin_session_free(session);
  dunlin_engine_free(engine);
  dunlin_model_free(model);
  return failed;
}
