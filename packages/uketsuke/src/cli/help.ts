const engines = `The store is DATABASE_URL, postgres://…, sqlite:path or file:path; without it --store, or ./jobs.db.`
const redis = 'REDIS_URL=redis://… wakes workers and tells of changes; without it the store does that itself.'

export const help: Readonly<Record<string, string>> = {
  '': `uketsuke <command>, one of

  serve     serves the jobs API, works, or both
  migrate   brings a store's schema up to date, or moves all jobs to another store
  doctor    looks for what would cost jobs or time

"uketsuke <command> --help" tells more, "uketsuke --version" the version.
Exit codes: 0 fine, 1 failed, 2 misuse, or a store or configuration that cannot be used.`,

  serve: `uketsuke serve --jobs ./jobs.js [--role all|api|worker]

  --jobs FILE          a module whose default export is defineJobs({ jobs, authenticate?, webhooks?, … });
                       TypeScript where this Node reads it (22.18 or newer), or with a loader
  --role ROLE          all (by default), api (serves and does not work) or worker (works and does not serve)
  --port N             3000 by default; 0 for any that is free
  --host HOST          127.0.0.1 by default
  --concurrency N      jobs at a time in this process, 10 by default
  --store PATH         the SQLite file, ./jobs.db by default
  --schema NAME        the schema in PostgreSQL, uketsuke by default
  --anyone-may-call    serves without authenticate, to this machine only

${engines}
${redis}
SIGTERM and SIGINT stop it gracefully.`,

  migrate: `uketsuke migrate
uketsuke migrate --from sqlite:jobs.db --to postgres://…

Without --from and --to: creates the schema, or brings it up to date.
With both: moves all jobs with their attempts, idempotency keys and webhooks, ids kept. Nobody may work on either store meanwhile.
An interrupted move goes on when the same command is run again. Afterwards the first store opens for nobody any more.

  --from URL, --to URL   postgres://… or sqlite:path
  --from-schema NAME     the schema to move from in PostgreSQL, uketsuke by default
  --schema NAME          the schema to create or to move to, uketsuke by default
  --store PATH           the SQLite file, ./jobs.db by default

${engines}`,

  doctor: `uketsuke doctor

Looks at this Node, the store, Redis and the clocks, and says a line about each: ok, warn or FAIL. It changes nothing.

  --store PATH    the SQLite file, ./jobs.db by default
  --schema NAME   the schema in PostgreSQL, uketsuke by default

${engines}
${redis}
It ends with 1 where something FAILs.`,
}
