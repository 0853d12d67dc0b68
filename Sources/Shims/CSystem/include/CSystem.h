#ifndef CSYSTEM_H
#define CSYSTEM_H
#include <stdint.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <arpa/inet.h>
#include <netdb.h>

// Swift has no thread-local variables; this one tells which event loop the thread runs.
extern _Thread_local const void *_Nullable easel_thread_loop;

static inline const void *_Nullable easel_current_loop(void) { return easel_thread_loop; }
static inline void easel_set_current_loop(const void *_Nullable loop) { easel_thread_loop = loop; }

// pthread_setname_np exists only under _GNU_SOURCE, which the Glibc module does not set.
void easel_name_thread(const char *_Nonnull name);
/* Renames a file and fails with EEXIST when the new name is taken. Returns 0, or an errno value. */
int easel_rename_new(const char *_Nonnull from, const char *_Nonnull to);
/* Exchanges two existing names at one stroke. Returns 0, or an errno value. */
int easel_rename_exchange(const char *_Nonnull one, const char *_Nonnull other);

// accept4 with SOCK_NONBLOCK and SOCK_CLOEXEC; hidden for the same reason.
int easel_accept(int listener, struct sockaddr *_Nonnull peer, socklen_t *_Nonnull length);

// Whether the descriptor is a stream socket that listens: 1, else 0.
int easel_is_listening(int descriptor);

// Wakes one of several loops that wait for the same socket: EPOLLEXCLUSIVE, which Swift does not see.
static const uint32_t easel_epoll_exclusive = UINT32_C(1) << 28;
#endif
