/* A disk of SQLite that lets a test see, and refuse, what is done to the files of one folder. The
   files themselves, their locks and their shared memory stay those of SQLite's own disk. */
#include "CWatchedDisk.h"

#include <sqlite3.h>
#include <string.h>

typedef struct watched_file {
    sqlite3_file base;
    const char *path;
    sqlite3_file *real;
} watched_file;

static sqlite3_vfs *own;
static sqlite3_vfs watched;
static char folder[1024];
static watched_hook hook;
static void *context;

static int is_watched(const char *path) {
    return path != NULL && folder[0] != 0 && strncmp(path, folder, strlen(folder)) == 0;
}

static int tell(sqlite3_file *file, int call, const void *bytes, int64_t size, int64_t offset) {
    return hook(context, call, ((watched_file *)file)->path, bytes, size, offset);
}

static sqlite3_file *real(sqlite3_file *file) { return ((watched_file *)file)->real; }

static int file_close(sqlite3_file *file) { return real(file)->pMethods->xClose(real(file)); }

static int file_read(sqlite3_file *file, void *bytes, int count, sqlite3_int64 offset) {
    int code = tell(file, WATCHED_READ, NULL, count, offset);
    return code ? code : real(file)->pMethods->xRead(real(file), bytes, count, offset);
}

static int file_write(sqlite3_file *file, const void *bytes, int count, sqlite3_int64 offset) {
    int code = tell(file, WATCHED_WRITE, bytes, count, offset);
    return code ? code : real(file)->pMethods->xWrite(real(file), bytes, count, offset);
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size) {
    int code = tell(file, WATCHED_TRUNCATE, NULL, size, 0);
    return code ? code : real(file)->pMethods->xTruncate(real(file), size);
}

static int file_sync(sqlite3_file *file, int flags) {
    int code = tell(file, WATCHED_SYNC, NULL, 0, 0);
    return code ? code : real(file)->pMethods->xSync(real(file), flags);
}

static int file_size(sqlite3_file *file, sqlite3_int64 *size) {
    return real(file)->pMethods->xFileSize(real(file), size);
}
static int file_lock(sqlite3_file *file, int level) {
    return real(file)->pMethods->xLock(real(file), level);
}
static int file_unlock(sqlite3_file *file, int level) {
    return real(file)->pMethods->xUnlock(real(file), level);
}
static int file_reserved(sqlite3_file *file, int *result) {
    return real(file)->pMethods->xCheckReservedLock(real(file), result);
}
static int file_control(sqlite3_file *file, int operation, void *argument) {
    return real(file)->pMethods->xFileControl(real(file), operation, argument);
}
static int file_sector(sqlite3_file *file) {
    return real(file)->pMethods->xSectorSize(real(file));
}
static int file_traits(sqlite3_file *file) {
    return real(file)->pMethods->xDeviceCharacteristics(real(file));
}
static int file_shm_map(sqlite3_file *file, int region, int size, int extend, void volatile **at) {
    return real(file)->pMethods->xShmMap(real(file), region, size, extend, at);
}
static int file_shm_lock(sqlite3_file *file, int offset, int count, int flags) {
    return real(file)->pMethods->xShmLock(real(file), offset, count, flags);
}
static void file_shm_barrier(sqlite3_file *file) {
    real(file)->pMethods->xShmBarrier(real(file));
}
static int file_shm_unmap(sqlite3_file *file, int removes) {
    return real(file)->pMethods->xShmUnmap(real(file), removes);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_reserved,
    .xFileControl = file_control,
    .xSectorSize = file_sector,
    .xDeviceCharacteristics = file_traits,
    .xShmMap = file_shm_map,
    .xShmLock = file_shm_lock,
    .xShmBarrier = file_shm_barrier,
    .xShmUnmap = file_shm_unmap,
};

static int disk_open(
    sqlite3_vfs *disk, sqlite3_filename path, sqlite3_file *file, int flags, int *got) {
    (void)disk;
    if (!is_watched(path)) return own->xOpen(own, path, file, flags, got);
    watched_file *opened = (watched_file *)file;
    opened->base.pMethods = NULL;
    opened->path = path;
    opened->real = (sqlite3_file *)(opened + 1);
    int code = hook(context, WATCHED_OPEN, path, NULL, 0, 0);
    if (code == SQLITE_OK) code = own->xOpen(own, path, opened->real, flags, got);
    if (code == SQLITE_OK) opened->base.pMethods = &methods;
    return code;
}

static int disk_delete(sqlite3_vfs *disk, const char *path, int syncs) {
    (void)disk;
    int code = is_watched(path) ? hook(context, WATCHED_DELETE, path, NULL, syncs, 0) : SQLITE_OK;
    return code ? code : own->xDelete(own, path, syncs);
}

int watched_disk_install(const char *name, watched_hook told, void *with) {
    if (own == NULL) own = sqlite3_vfs_find(NULL);
    if (own == NULL || strlen(name) >= sizeof folder) return SQLITE_ERROR;
    strcpy(folder, name);
    hook = told;
    context = with;
    // Everything but opening and deleting is done by SQLite's own disk, to which it leads as it is.
    watched = *own;
    watched.zName = "watched";
    watched.szOsFile = own->szOsFile + (int)sizeof(watched_file);
    watched.xOpen = disk_open;
    watched.xDelete = disk_delete;
    return sqlite3_vfs_register(&watched, 1);
}

void watched_disk_remove(void) {
    sqlite3_vfs_unregister(&watched);
    if (own != NULL) sqlite3_vfs_register(own, 1);
}
