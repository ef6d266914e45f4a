/** Documents that are not jobs, such as API keys and webhook endpoints. */
export const records = `
CREATE TABLE records (
  kind TEXT NOT NULL,
  id TEXT NOT NULL,
  owner TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX records_owned ON records (kind, owner, id);
`
