/** The last job of each unique key. A key is free once its job has ended, and is removed with it. */
export const uniqueKeys = `
CREATE TABLE unique_keys (
  key TEXT NOT NULL PRIMARY KEY,
  job_id TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX unique_keys_by_job ON unique_keys (job_id);
`
