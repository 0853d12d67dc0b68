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
