#define _GNU_SOURCE
#include "CSystem.h"

_Thread_local const void *easel_thread_loop = 0;

void easel_name_thread(const char *name) { pthread_setname_np(pthread_self(), name); }
