-- What the database knows about itself, one number a row:
--   epoch                  unix seconds when it was made, or when a restored copy was first opened;
--                          0 until the first start has set it
--   counter                the last number handed out; only grows
--   restored_from_counter  the counter as the present epoch began
--   write_probe            written by the server to find out whether writing works again
-- A copy made by the backup has a row more, is_copy, until it is first opened: revisions count as
-- (epoch, counter), so a restored database must begin a new epoch before it hands out a number.
CREATE TABLE meta (
    key TEXT NOT NULL,
    value BIGINT NOT NULL,
    CONSTRAINT "meta.key" PRIMARY KEY (key)
)
--sqlite WITHOUT ROWID
;

INSERT INTO meta (key, value)
VALUES ('epoch', 0), ('counter', 0), ('restored_from_counter', 0), ('write_probe', 0);
