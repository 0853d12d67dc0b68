#include "CAssets.h"
#include <string.h>

/* A new file takes two places here: its bytes, and its line in the table below.
   A test compares the table with the folders. */

static const unsigned char migration_0001[] = {
#embed "../../../migrations/0001_meta.sql"
};

#define ASSET(path, array) { path, array, sizeof array }

const easel_asset easel_assets[] = {
    ASSET("migrations/0001_meta.sql", migration_0001),
};

const size_t easel_asset_count = sizeof easel_assets / sizeof easel_assets[0];

const easel_asset *easel_asset_named(const char *name) {
    for (size_t position = 0; position < easel_asset_count; position++)
        if (strcmp(easel_assets[position].name, name) == 0)
            return &easel_assets[position];
    return NULL;
}

const easel_asset *easel_asset_at(size_t position) {
    return position < easel_asset_count ? &easel_assets[position] : NULL;
}
