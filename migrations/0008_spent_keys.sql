-- The one-time key by which the machine paired, until a request comes with the credential that it was
-- given: the answer may have been lost, and the machine tries again with what it has.

ALTER TABLE appliance ADD COLUMN spent_key_digest TEXT;
