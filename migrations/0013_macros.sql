-- Names with values that profiles refer to, as one set for each project, each tenant and the system.

CREATE TABLE macro_set (
    -- The uid of the project or tenant, or 'system'.
    scope TEXT NOT NULL,
    -- The project that the set goes with; NULL for the others.
    project_uid TEXT,
    -- JSON: name → value.
    macros TEXT NOT NULL,
    version BIGINT NOT NULL,
    CONSTRAINT "macro_set.scope" PRIMARY KEY (scope),
    CONSTRAINT "macro_set.project" FOREIGN KEY (project_uid) REFERENCES project (uid) ON DELETE CASCADE
);

-- Which profiles refer to a macro, so that a change finds them. A draft and what is published each
-- have their own references.
CREATE TABLE profile_macro (
    profile_uid TEXT NOT NULL,
    -- 'draft' or 'published'.
    part TEXT NOT NULL,
    name TEXT NOT NULL,
    CONSTRAINT "profile_macro.profile_uid, profile_macro.part, profile_macro.name" PRIMARY KEY (profile_uid, part, name),
    CONSTRAINT "profile_macro.profile" FOREIGN KEY (profile_uid) REFERENCES profile (uid) ON DELETE CASCADE
);
CREATE INDEX profile_macro_name ON profile_macro (name);

-- What a revision was resolved with, to be resolved again when a macro changes.
ALTER TABLE profile_revision ADD COLUMN variables TEXT NOT NULL DEFAULT '[]';
UPDATE profile_revision SET variables =
    (SELECT profile.variables FROM profile WHERE profile.uid = profile_revision.profile_uid);
