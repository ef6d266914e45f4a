/** The last job of each unique key. A key is free once its job has ended, and is removed with it. */
export const uniqueKeys = `
CREATE TABLE uketsuke.unique_keys (
  key text COLLATE "C" NOT NULL PRIMARY KEY,
  job_id text COLLATE "C" NOT NULL
);
CREATE INDEX unique_keys_by_job ON uketsuke.unique_keys (job_id);
`
