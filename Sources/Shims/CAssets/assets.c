#include "CAssets.h"
#include <string.h>

/* A new file takes two places here: its bytes, and its line in the table below.
   A test compares the table with the folders. */

static const unsigned char migration_0001[] = {
#embed "../../../migrations/0001_meta.sql"
};
static const unsigned char migration_0002[] = {
#embed "../../../migrations/0002_identity.sql"
};
static const unsigned char migration_0003[] = {
#embed "../../../migrations/0003_audit.sql"
};
static const unsigned char migration_0004[] = {
#embed "../../../migrations/0004_appliances.sql"
};
static const unsigned char migration_0005[] = {
#embed "../../../migrations/0005_packs.sql"
};
static const unsigned char migration_0006[] = {
#embed "../../../migrations/0006_profiles.sql"
};
static const unsigned char migration_0007[] = {
#embed "../../../migrations/0007_idempotency.sql"
};
static const unsigned char migration_0008[] = {
#embed "../../../migrations/0008_spent_keys.sql"
};
static const unsigned char migration_0009[] = {
#embed "../../../migrations/0009_deleted_credentials.sql"
};
static const unsigned char migration_0010[] = {
#embed "../../../migrations/0010_bounds_by_count.sql"
};
static const unsigned char migration_0011[] = {
#embed "../../../migrations/0011_trains.sql"
};
static const unsigned char migration_0012[] = {
#embed "../../../migrations/0012_registries.sql"
};
static const unsigned char migration_0013[] = {
#embed "../../../migrations/0013_macros.sql"
};
static const unsigned char migration_0014[] = {
#embed "../../../migrations/0014_pack_states.sql"
};

#define ASSET(path, array) { path, array, sizeof array }

const easel_asset easel_assets[] = {
    ASSET("migrations/0001_meta.sql", migration_0001),
    ASSET("migrations/0002_identity.sql", migration_0002),
    ASSET("migrations/0003_audit.sql", migration_0003),
    ASSET("migrations/0004_appliances.sql", migration_0004),
    ASSET("migrations/0005_packs.sql", migration_0005),
    ASSET("migrations/0006_profiles.sql", migration_0006),
    ASSET("migrations/0007_idempotency.sql", migration_0007),
    ASSET("migrations/0008_spent_keys.sql", migration_0008),
    ASSET("migrations/0009_deleted_credentials.sql", migration_0009),
    ASSET("migrations/0010_bounds_by_count.sql", migration_0010),
    ASSET("migrations/0011_trains.sql", migration_0011),
    ASSET("migrations/0012_registries.sql", migration_0012),
    ASSET("migrations/0013_macros.sql", migration_0013),
    ASSET("migrations/0014_pack_states.sql", migration_0014),
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
