#include <sqlite3.h>

/* Variadic functions and casted constants, which Swift does not import. */

/* Switches the global memory counters off; they cost a lock on every allocation. */
static inline int easel_sqlite_configure(void) {
    return sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

/* A text in double quotes is a name and never a string, as in every other engine. */
static inline int easel_sqlite_refuse_quoted_strings(sqlite3 *database) {
    int result = sqlite3_db_config(database, SQLITE_DBCONFIG_DQS_DML, 0, (int *)0);
    return result ? result
                  : sqlite3_db_config(database, SQLITE_DBCONFIG_DQS_DDL, 0, (int *)0);
}

/* Reads the start of the database's own file, past every cache. Opening that file a second time is
   no way: closing it again would drop the locks of the whole process. */
static inline int easel_sqlite_read_file(sqlite3 *database, void *bytes, int count) {
    sqlite3_file *file = 0;
    int code = sqlite3_file_control(database, "main", SQLITE_FCNTL_FILE_POINTER, &file);
    if (code != SQLITE_OK) return code;
    if (file == 0 || file->pMethods == 0) return SQLITE_IOERR;
    return file->pMethods->xRead(file, bytes, count, 0);
}

/* Takes the system's error of the last call that failed on the database's file or its log; 0 when
   none failed since it was taken. What a disk that fails reads is reported as SQLITE_CORRUPT, and
   this alone tells it from damage. Reading behind the end is how a file forgets its error. */
static inline int easel_sqlite_take_errno(sqlite3 *database) {
    static const int pointers[] = {SQLITE_FCNTL_FILE_POINTER, SQLITE_FCNTL_JOURNAL_POINTER};
    int found = 0;
    for (int position = 0; position < 2; position++) {
        sqlite3_file *file = 0;
        int error = 0;
        char byte;
        if (sqlite3_file_control(database, "main", pointers[position], &file) != SQLITE_OK) continue;
        if (file == 0 || file->pMethods == 0) continue;
        file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &error);
        if (error == 0) continue;
        found = error;
        file->pMethods->xRead(file, &byte, 1, (sqlite3_int64)1 << 46);
    }
    return found;
}

/* Binds a copy of the text. */
static inline int easel_sqlite_bind_text(
    sqlite3_stmt *statement, int position, const void *bytes, sqlite3_uint64 length) {
    return sqlite3_bind_text64(
        statement, position, (const char *)bytes, length, SQLITE_TRANSIENT, SQLITE_UTF8);
}

/* Binds a copy of the bytes. */
static inline int easel_sqlite_bind_blob(
    sqlite3_stmt *statement, int position, const void *bytes, sqlite3_uint64 length) {
    return sqlite3_bind_blob64(statement, position, bytes, length, SQLITE_TRANSIENT);
}
