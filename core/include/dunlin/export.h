/* DUNLIN_API marks what the library exports. */
#ifndef DUNLIN_EXPORT_H
#define DUNLIN_EXPORT_H

#if defined(DUNLIN_STATIC)
#define DUNLIN_API
#elif defined(_WIN32)
#if defined(DUNLIN_BUILDING)
#define DUNLIN_API __declspec(dllexport)
#else
#define DUNLIN_API __declspec(dllimport)
#endif
#else
#define DUNLIN_API __attribute__((visibility("default")))
#endif

#endif
