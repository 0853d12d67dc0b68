#define _GNU_SOURCE
#include "CSystem.h"

_Thread_local const void *easel_thread_loop = 0;

void easel_name_thread(const char *name) { pthread_setname_np(pthread_self(), name); }

int easel_accept(int listener, struct sockaddr *peer, socklen_t *length) {
    return accept4(listener, peer, length, SOCK_NONBLOCK | SOCK_CLOEXEC);
}
