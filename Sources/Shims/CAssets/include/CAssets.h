#ifndef CASSETS_H
#define CASSETS_H
#include <stddef.h>

/* Files of the repository that are part of the binary. */
typedef struct {
    /* Path from the repository's root. */
    const char *name;
    const unsigned char *bytes;
    size_t length;
} easel_asset;

/* All files, in the order of their names. */
extern const easel_asset easel_assets[];
extern const size_t easel_asset_count;

/* The file of this name, or NULL. */
const easel_asset *easel_asset_named(const char *name);

/* The file at a position below easel_asset_count. Swift sees no array of unknown length. */
const easel_asset *easel_asset_at(size_t position);

#endif
