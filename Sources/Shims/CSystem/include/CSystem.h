#ifndef CSYSTEM_H
#define CSYSTEM_H
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <arpa/inet.h>
#include <netdb.h>

/* Renames a file and fails with EEXIST when the new name is taken. Returns 0, or an errno value. */
int easel_rename_new(const char *from, const char *to);
#endif
