#ifndef CWATCHEDDISK_H
#define CWATCHEDDISK_H
#include <stdint.h>

/* What SQLite does to a file. */
enum watched_call { WATCHED_OPEN, WATCHED_READ, WATCHED_WRITE, WATCHED_TRUNCATE, WATCHED_SYNC,
                    WATCHED_DELETE };

/* Told of each call on a file under the watched folder before it happens; anything but 0 is
   returned to SQLite in its place. `size` is that of the bytes or of the file to be; of a deletion
   it says whether the folder is synced. */
typedef int (*watched_hook)(void *_Nullable context, int call, const char *_Nonnull path,
                            const void *_Nullable bytes, int64_t size, int64_t offset);

/* Puts a disk before SQLite's own and lets the hook watch one folder. Databases that are opened
   from now on lie on it. */
int watched_disk_install(const char *_Nonnull folder, watched_hook _Nonnull hook,
                         void *_Nullable context);
/* Lets databases that are opened from now on lie on SQLite's own disk again. */
void watched_disk_remove(void);
#endif
