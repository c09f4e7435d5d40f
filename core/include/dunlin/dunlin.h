/* Dunlin's C API: run language models on the device at hand.
 *
 * Errors: functions that can fail return a dunlin_status, 0 for success. dunlin_last_error() is the text of
 * the calling thread's last failure. The library never prints, aborts, exits, reads the environment or
 * throws. Strings are UTF-8, given as pointer and length where they may hold zeros (then the pointer may be
 * NULL where the length is 0); text that the library returns is zero-terminated and belongs to the library
 * or, where stated, to the caller, who gives it to dunlin_free_text(). Option structs begin with struct_size:
 * call their init function, then change what differs. Result structs begin with it too: set it to the
 * struct's size, and no more than that is written. Threads: a model is immutable and may be shared; an engine
 * takes calls from any thread; a session belongs to one thread at a time. Callbacks run on the engine's
 * thread, never under a lock, and must not wait for the engine. A C++ exception that one throws ends its
 * request with DUNLIN_FINISH_ERROR. Handles: the free functions accept NULL; the others answer it with
 * DUNLIN_INVALID_ARGUMENT or 0, or do nothing. Free sessions before their engine; models and engines may be
 * freed in any order.
 */
#ifndef DUNLIN_H
#define DUNLIN_H

#include <stddef.h>
#include <stdint.h>

#include "dunlin/export.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef int32_t dunlin_status;
enum {
  DUNLIN_OK = 0,
  DUNLIN_INVALID_ARGUMENT = 1,
  DUNLIN_NOT_FOUND = 2,
  DUNLIN_UNSUPPORTED = 3,
  DUNLIN_CORRUPT = 4,
  DUNLIN_IO = 5,
  DUNLIN_RESOURCE_EXHAUSTED = 6,
  DUNLIN_CONTEXT_EXCEEDED = 7,
  DUNLIN_CANCELLED = 8,
  DUNLIN_DEVICE_LOST = 9,
  DUNLIN_INTERNAL = 10
};

typedef struct dunlin_model dunlin_model;     /* an opened model file with its tokenizer */
typedef struct dunlin_engine dunlin_engine;   /* a model on a device, serving requests */
typedef struct dunlin_session dunlin_session; /* one conversation on an engine */

/* "0.1.0" */
DUNLIN_API const char* dunlin_version(void);
/* The text of this thread's last failure; valid until the thread's next call. Never NULL. */
DUNLIN_API const char* dunlin_last_error(void);
DUNLIN_API const char* dunlin_status_name(dunlin_status status);
DUNLIN_API void dunlin_free_text(char* text);

/* level: 0 debug, 1 info, 2 warning, 3 error. May be called from any thread. */
typedef void (*dunlin_log_fn)(void* user_data, int32_t level, const char* message);
/* Bytes of weights loaded and in all. 0 stops the load. */
typedef int32_t (*dunlin_progress_fn)(void* user_data, uint64_t done_bytes, uint64_t total_bytes);

/* ---- devices ---- */

/* The devices of this machine, best first, as a JSON array of {id, kind, name, detail, memory_bytes,
 * memory_free_bytes, score}. *text is the caller's. */
DUNLIN_API dunlin_status dunlin_devices_json(char** text);

/* What keeps a driver or hardware of this machine from being among them, such as a driver that is too old: a
 * JSON array of sentences, empty where there is nothing to say. *text is the caller's. */
DUNLIN_API dunlin_status dunlin_device_notes_json(char** text);

/* ---- models ---- */

typedef struct dunlin_model_options {
  uint32_t struct_size;
  int32_t use_mmap;      /* 1; 0 is the old way to ask for preload: no weights are mapped in either case */
  int32_t check_tensors; /* 0; 1 reads every weight and refuses NaN and infinity */
  dunlin_log_fn log;     /* NULL */
  void* log_user_data;
  int32_t preload; /* 0: weights are read when an engine wants them; 1: the whole file at once, now */
} dunlin_model_options;
DUNLIN_API void dunlin_model_options_init(dunlin_model_options* options);

/* path: a .gguf file, any part of a split one, or a Hugging Face directory. options may be NULL. */
DUNLIN_API dunlin_status dunlin_model_open(const char* path, const dunlin_model_options* options,
                                           dunlin_model** out);
/* A GGUF file in memory, which must outlive the model and its engines. name is what errors call it. */
DUNLIN_API dunlin_status dunlin_model_open_memory(const void* bytes, size_t n_bytes, const char* name,
                                                  const dunlin_model_options* options, dunlin_model** out);
DUNLIN_API void dunlin_model_free(dunlin_model* model);

/* What the file holds: {path, format, architecture, name, file_bytes, n_parameters, config {...}, tokenizer
 * {...}, tensors [{name, type, shape, bytes}]}. *text is the caller's. */
DUNLIN_API dunlin_status dunlin_model_describe_json(const dunlin_model* model, char** text);
DUNLIN_API int32_t dunlin_model_n_vocab(const dunlin_model* model);     /* rows of the embedding */
DUNLIN_API int32_t dunlin_model_n_ctx_train(const dunlin_model* model); /* tokens */
DUNLIN_API int32_t dunlin_model_has_chat_template(const dunlin_model* model);

/* Token ids of a text. add_special: with BOS and EOS where the model adds them; take an EOS off a prompt,
 * which sessions do by themselves. *n_tokens: in, the room in tokens; out, how many there are. With too
 * little room the status is DUNLIN_RESOURCE_EXHAUSTED and *n_tokens says how much it takes; tokens may then
 * be NULL. */
DUNLIN_API dunlin_status dunlin_tokenize(const dunlin_model* model, const char* text, size_t n_bytes,
                                         int32_t add_special, int32_t parse_special, int32_t* tokens,
                                         size_t* n_tokens);
/* The same for a conversation: a JSON array of {"role", "content"}; tools_json may be NULL. */
DUNLIN_API dunlin_status dunlin_tokenize_chat(const dunlin_model* model, const char* messages_json,
                                              const char* tools_json, int32_t add_generation_prompt,
                                              int32_t* tokens, size_t* n_tokens);
/* The same with further variables of the model's chat template, a JSON object such as
 * {"enable_thinking": false}; variables_json may be NULL. A template that wants the date gets the local time.
 */
DUNLIN_API dunlin_status dunlin_tokenize_chat_with(const dunlin_model* model, const char* messages_json,
                                                   const char* tools_json, const char* variables_json,
                                                   int32_t add_generation_prompt, int32_t* tokens,
                                                   size_t* n_tokens);
/* The text of token ids; control tokens are spelled out if print_control. *text is the caller's. */
DUNLIN_API dunlin_status dunlin_detokenize(const dunlin_model* model, const int32_t* tokens, size_t n_tokens,
                                           int32_t print_control, char** text, size_t* n_bytes);

/* ---- engines ---- */

/* Bytes a value, and perplexity against F16 (docs/numerics.md): F16 2; Q8_0 1.06, within 1 %; FP8
 * (E4M3) 1.02, within 2 %. */
enum { DUNLIN_KV_F16 = 0, DUNLIN_KV_Q8_0 = 1, DUNLIN_KV_FP8 = 2 };

typedef struct dunlin_engine_options {
  uint32_t struct_size;
  const char* device;        /* "auto", "cpu", "cpu:avx2", ...: an id of dunlin_devices_json */
  int32_t n_threads;         /* 0: the device decides; more than there are usable CPUs: as many as these */
  int32_t n_threads_prefill; /* 0: as n_threads */
  int32_t n_ctx;             /* tokens of one sequence; 0: the model's, at most 4096 */
  int32_t n_sequences;       /* 1; served at the same time, more wait */
  int32_t n_batch;           /* 512; rows of the largest step */
  int32_t n_logit_rows;      /* 0; raise it for scoring */
  int32_t kv_type;           /* DUNLIN_KV_F16; what KV caches hold */
  int32_t fuse;              /* 1; 0 runs every op by itself, to look for a defect */
  dunlin_log_fn log;
  void* log_user_data;
  dunlin_progress_fn progress;
  void* progress_user_data;
  int32_t pack_cache;            /* 0; 1 keeps packed weights in a file beside the model for the next start */
  const char* pack_cache_folder; /* NULL; with pack_cache, where the model's folder cannot be written */
  int32_t n_gpu_layers;          /* -1: all that fit; else the last so many, with the head, go to a GPU */
  int32_t require_gpu;           /* 0; 1 fails where a layer would not be on a GPU */
} dunlin_engine_options;
DUNLIN_API void dunlin_engine_options_init(dunlin_engine_options* options);

/* Loads the weights onto the device, or the last layers onto a GPU and the others onto the CPU where the GPU
 * does not hold all. What fits nowhere is DUNLIN_RESOURCE_EXHAUSTED with the plan: what needs how much, and
 * what is free; nothing stays loaded. options may be NULL. */
DUNLIN_API dunlin_status dunlin_engine_create(const dunlin_model* model, const dunlin_engine_options* options,
                                              dunlin_engine** out);
/* Ends all requests as cancelled and waits for the engine's thread. Not from a callback. */
DUNLIN_API void dunlin_engine_free(dunlin_engine* engine);

/* {device, device_name, device_detail, n_threads, placement, parts [{device, first_layer, n_layer,
 * weight_bytes, kv_bytes, workspace_bytes, file_bytes, load_seconds}], n_ctx, n_sequences, n_batch,
 * weight_bytes, kv_bytes, workspace_bytes, bytes_per_token, macs_per_token, head_macs_per_token}. placement
 * says what went where, and why; device joins the parts' with '+'. file_bytes are a part's weights as the
 * file has them, load_seconds the time until they were on the device. macs_per_token are the multiply-adds
 * of the matrix products without the head's, which only a row that wants logits takes. *text is the caller's.
 */
DUNLIN_API dunlin_status dunlin_engine_describe_json(const dunlin_engine* engine, char** text);
/* Graph and chosen kernels of steps with n_rows rows, as text for people. *text is the caller's. */
DUNLIN_API dunlin_status dunlin_engine_plan_text(const dunlin_engine* engine, int32_t n_rows, char** text);

typedef struct dunlin_roofline {
  uint32_t struct_size;
  double read_gb_s;   /* 1e9 bytes a second */
  double int8_tops;   /* 1e12 operations a second, a multiply-add is two */
  double upload_gb_s; /* from pinned host memory to the device; 0 where weights stay in host memory */
} dunlin_roofline;
/* Measures the device's ceilings now, about two seconds, between two steps of the engine. */
DUNLIN_API dunlin_status dunlin_engine_measure_roofline(dunlin_engine* engine, dunlin_roofline* out);

typedef struct dunlin_profile_options {
  uint32_t struct_size;
  int32_t n_rows;      /* 1; of each sequence: 1 decodes, more are a prompt */
  int32_t n_sequences; /* 1 */
  int32_t depth;       /* 0; tokens in each sequence's context before the step */
  int32_t n_repeats;   /* 32; times are medians of so many runs */
} dunlin_profile_options;
DUNLIN_API void dunlin_profile_options_init(dunlin_profile_options* options);
/* Measures one step of random tokens, phase by phase, while the engine serves no request: {rows, sequences,
 * depth, repeats, phases [{name, kernel, us, bytes, macs}], sum_us, step_us, wall_us, same_tokens, driver
 * {allocations, frees, graphs, waits}}. step_us is the same step undivided by the device's clock, wall_us by
 * the host's; driver counts what the undivided step asked of the device's driver. options may be NULL. *text
 * is the caller's. */
DUNLIN_API dunlin_status dunlin_engine_profile_json(dunlin_engine* engine,
                                                    const dunlin_profile_options* options, char** text);

/* ---- requests ---- */

typedef struct dunlin_logit_bias {
  int32_t token;
  float bias; /* -100 bans the token */
} dunlin_logit_bias;

typedef struct dunlin_generation_options {
  uint32_t struct_size;
  int32_t max_tokens;      /* -1: to the end of the context; 0: prefill only */
  float temperature;       /* 0.8; 0 is greedy */
  int32_t top_k;           /* 40; 0 off */
  float top_p;             /* 0.95; 1 off */
  float min_p;             /* 0.05; 0 off */
  float typical_p;         /* 1: off */
  float repeat_penalty;    /* 1: off */
  int32_t repeat_last_n;   /* 64 tokens; -1 all, 0 off */
  float presence_penalty;  /* 0 */
  float frequency_penalty; /* 0 */
  uint64_t seed;           /* 0; the same seed and prompt give the same text, in any batch */
  const dunlin_logit_bias* logit_bias;
  size_t n_logit_bias;
  const char* const* stop; /* n_stop zero-terminated strings */
  size_t n_stop;
  int32_t ignore_eos;     /* 0 */
  int32_t reuse_prefix;   /* 1 */
  int32_t print_control;  /* 0 */
  int32_t logprobs;       /* 0; 1 fills dunlin_token.logprob */
  int32_t n_top_logprobs; /* 0..20, with logprobs */
} dunlin_generation_options;
DUNLIN_API void dunlin_generation_options_init(dunlin_generation_options* options);

typedef struct dunlin_token_logprob {
  int32_t token;
  float logprob; /* natural logarithm */
} dunlin_token_logprob;

typedef struct dunlin_token {
  int32_t id;       /* -1: text that was held back until the end */
  const char* text; /* what became printable, whole UTF-8 characters; not zero-terminated */
  size_t n_bytes;
  float logprob;
  const dunlin_token_logprob* top_logprobs;
  size_t n_top_logprobs;
} dunlin_token;

enum {
  DUNLIN_FINISH_STOP = 0, /* an end token */
  DUNLIN_FINISH_STOP_STRING = 1,
  DUNLIN_FINISH_LENGTH = 2, /* max_tokens, or the end of the context */
  DUNLIN_FINISH_CANCELLED = 3,
  DUNLIN_FINISH_ERROR = 4
};

typedef struct dunlin_result {
  uint32_t struct_size;
  int32_t finish; /* DUNLIN_FINISH_* */
  dunlin_status status;
  const char* message;                     /* why, with DUNLIN_FINISH_ERROR; valid during the callback */
  int32_t n_prompt, n_reused, n_generated; /* tokens */
  int64_t queue_us, prefill_us, decode_us;
} dunlin_result;

typedef struct dunlin_callbacks {
  uint32_t struct_size;
  void* user_data;
  /* 0 ends the generation. May be NULL, as all of them. */
  int32_t (*on_token)(void* user_data, const dunlin_token* token);
  void (*on_prefill)(void* user_data, int32_t n_done, int32_t n_total);
  void (*on_score)(void* user_data, int32_t position, float logprob);
  /* The last call for a request; it always comes. */
  void (*on_finished)(void* user_data, const dunlin_result* result);
} dunlin_callbacks;

/* Queues a generation and returns its id. A prompt that does not fit is DUNLIN_CONTEXT_EXCEEDED. */
DUNLIN_API dunlin_status dunlin_submit(dunlin_engine* engine, const int32_t* prompt, size_t n_prompt,
                                       const dunlin_generation_options* options,
                                       const dunlin_callbacks* callbacks, uint64_t* request_id);
/* Ends a request between two steps, also one that waits for its turn; ignores unknown and ended ones. */
DUNLIN_API void dunlin_cancel(dunlin_engine* engine, uint64_t request_id);
/* Queues a scoring: on_score gets ln p(tokens[i] | tokens[0..i)) for i >= first, 1 <= first < n_tokens. */
DUNLIN_API dunlin_status dunlin_submit_score(dunlin_engine* engine, const int32_t* tokens, size_t n_tokens,
                                             int32_t first, const dunlin_callbacks* callbacks,
                                             uint64_t* request_id);

/* ---- sessions: a conversation that keeps its tokens ---- */

DUNLIN_API dunlin_status dunlin_session_create(dunlin_engine* engine, dunlin_session** out);
DUNLIN_API void dunlin_session_free(dunlin_session* session);
/* Appends text to the session's tokens, generates, and appends what was generated. Blocks until the end;
 * on_token runs meanwhile on the engine's thread. result may be NULL; its struct_size is the caller's, and
 * its message is valid until the session's next call. */
DUNLIN_API dunlin_status dunlin_session_generate(dunlin_session* session, const char* text, size_t n_bytes,
                                                 int32_t parse_special,
                                                 const dunlin_generation_options* options,
                                                 const dunlin_callbacks* callbacks, dunlin_result* result);
/* Adds a user message, generates the assistant's answer with the model's chat template and remembers both. */
DUNLIN_API dunlin_status dunlin_session_chat(dunlin_session* session, const char* message, size_t n_bytes,
                                             const dunlin_generation_options* options,
                                             const dunlin_callbacks* callbacks, dunlin_result* result);
/* The first message of the chat, before any other. */
DUNLIN_API dunlin_status dunlin_session_set_system(dunlin_session* session, const char* text, size_t n_bytes);
/* Further variables of the model's chat template, as in dunlin_tokenize_chat_with, for the chats from now on;
 * NULL: none. What is no JSON object is an error of the next chat. */
DUNLIN_API dunlin_status dunlin_session_set_template_variables(dunlin_session* session,
                                                               const char* variables_json);
/* Ends the call of dunlin_session_generate or dunlin_session_chat that runs now, wherever it is; if there is
 * none, it does nothing, and the next call runs. May be called from any thread. */
DUNLIN_API void dunlin_session_cancel(dunlin_session* session);
/* Forgets everything. */
DUNLIN_API void dunlin_session_reset(dunlin_session* session);

/* ---- verification ---- */

/* Runs a prompt through the model on the device and on the reference, node by node, and compares: {device,
 * n_nodes, tolerance_nmse, worst {node, name, op, nmse}, first_divergence (null, or as worst), same_argmax}.
 * nmse is the mean squared error over the mean square; the first node above the tolerance is the divergence.
 * *text is the caller's. */
DUNLIN_API dunlin_status dunlin_verify_json(const dunlin_model* model, const char* device,
                                            const int32_t* tokens, size_t n_tokens, char** text);

#ifdef __cplusplus
}
#endif

#endif
