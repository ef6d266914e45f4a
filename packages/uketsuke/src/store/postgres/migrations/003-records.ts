/** Documents that are not jobs, such as API keys and webhook endpoints. */
export const records = `
CREATE TABLE uketsuke.records (
  kind text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL,
  owner text COLLATE "C" NOT NULL,
  value text NOT NULL,
  PRIMARY KEY (kind, id)
);
CREATE INDEX records_owned ON uketsuke.records (kind, owner, id);
`
